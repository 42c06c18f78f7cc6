import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalPath } from '../http/index.ts';
import { realPlatform } from '../platform/index.ts';
import { type CompiledSite, compileSite, type SiteAnswer, site } from './site.ts';

const SCRIPT = `export const words = ${JSON.stringify('a calm shop '.repeat(400))};\n`;
let folder: string;
let built: CompiledSite;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-site-'));
  const dist = join(folder, 'dist');
  mkdirSync(join(dist, 'assets'), { recursive: true });
  mkdirSync(join(dist, '.git'));
  writeFileSync(join(folder, 'secret.txt'), 'outside');
  writeFileSync(join(dist, 'index.html'), '<!doctype html><title>Shop</title>');
  writeFileSync(join(dist, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  writeFileSync(join(dist, 'about-companies.html'), '<!doctype html><title>About</title>');
  writeFileSync(join(dist, 'assets/main-Bq3x_9Kd.js'), SCRIPT);
  writeFileSync(join(dist, 'assets/plain.js'), SCRIPT);
  writeFileSync(join(dist, 'assets/photo-a1B2c3D4.png'), Buffer.alloc(2_000));
  writeFileSync(join(dist, '.env'), 'hidden');
  writeFileSync(join(dist, '.git/config'), 'hidden');
  symlinkSync(join(folder, 'secret.txt'), join(dist, 'link.txt'));
  built = compiled(pathToFileURL(dist)); // without the slash at its end
  await built.prepare();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compiled(url: URL): CompiledSite {
  const { site: made, problems } = compileSite(realPlatform(), "gateway 'web'", [site({ folder: url })]);
  expect(problems).toEqual([]);
  return made as CompiledSite;
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): ReturnType<CompiledSite['match']> {
  const canonical = canonicalPath(path);
  if (!canonical.ok) throw new Error(canonical.detail);
  return built.match({ method, segments: canonical.segments, headers: new Map(Object.entries(headers)) });
}

const got = (path: string, headers: Record<string, string> = {}, method = 'GET') => ask(path, headers, method) as SiteAnswer;
const text = (answer: SiteAnswer): string => Buffer.from(answer.body).toString();
const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

test('files are compressed outside the event loop, which stays free for other work', async () => {
  const large = join(folder, 'large');
  mkdirSync(large);
  writeFileSync(join(large, 'index.html'), '<!doctype html><title>Large</title>');
  for (const name of ['a', 'b']) writeFileSync(join(large, `${name}.js`), SCRIPT.repeat(300));
  const made = compiled(pathToFileURL(large));
  const ask = () => made.match({ method: 'GET', segments: ['a.js'], headers: new Map([['accept-encoding', 'br']]) }) as SiteAnswer;
  expect(ask().headers).not.toHaveProperty('content-encoding');
  let ready = false;
  const preparing = made.prepare().then(() => {
    ready = true;
  });
  let turns = 0;
  for (; !ready; turns++) await new Promise((resolve) => setImmediate(resolve));
  await preparing;
  expect(turns).toBeGreaterThan(100);
  expect(ask().headers).toMatchObject({ 'content-encoding': 'br' });
});

describe('a file', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/index.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/icon.svg', 'image/svg+xml', 'no-cache'],
    ['/about-companies.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/assets/plain.js', 'text/javascript; charset=utf-8', 'no-cache'],
    ['/assets/main-Bq3x_9Kd.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/assets/photo-a1B2c3D4.png', 'image/png', 'public, max-age=31536000, immutable'],
  ])('%s has its type, and is cached for ever only when its name holds a hash', (path, type, cacheControl) => {
    const { status, headers } = got(path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': type, 'cache-control': cacheControl });
  });

  test('is sent in the smallest form that the client can read, and uncompressed to a client that reads no other', () => {
    const path = '/assets/main-Bq3x_9Kd.js';
    const br = got(path, { 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(br.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' });
    expect(brotliDecompressSync(br.body).toString()).toBe(SCRIPT);
    const gzip = got(path, { 'accept-encoding': 'gzip;q=0.5, br;q=0' });
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.body).toString()).toBe(SCRIPT);
    expect(gzip.headers['content-length']).toBe(String(gzip.body.length));
    const plain = got(path);
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(text(plain)).toBe(SCRIPT);
    expect(new Set([br, gzip, plain].map(({ headers }) => headers['etag'])).size).toBe(3);
  });

  test('is not compressed where that saves nothing', () => {
    expect(got('/icon.svg', { 'accept-encoding': 'br' }).headers).not.toHaveProperty('content-encoding');
    expect(got('/assets/photo-a1B2c3D4.png', { 'accept-encoding': 'br' }).headers).not.toHaveProperty('content-encoding');
  });

  test('that the client has cached is answered with 304 and without a body', () => {
    const etag = got('/').headers['etag'] as string;
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = got('/', { 'if-none-match': known });
      expect(answer).toMatchObject({ status: 304, body: '', headers: { etag, 'cache-control': 'no-cache' } });
      expect(answer.headers).not.toHaveProperty('content-length');
    }
    expect(got('/', { 'if-none-match': '"other"' }).status).toBe(200);
    expect(got('/', { 'if-none-match': etag.slice(1, -1) }).status).toBe(200);
  });

  test('gives HEAD its length, without a body', () => {
    const whole = got('/assets/plain.js');
    const head = got('/assets/plain.js', {}, 'HEAD');
    expect(head).toEqual({ ...whole, body: '' });
  });

  test('accepts no other method', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect(ask('/icon.svg', {}, method)).toEqual({ allowed: ['GET', 'HEAD'] });
    expect(ask('/orders/ord_1', PAGE, 'POST')).toBe(undefined);
  });

  test('comes with a policy that runs only files of this origin', () => {
    const policy = got('/').headers['content-security-policy'] as string;
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"])
      expect(policy.split('; ')).toContain(rule);
    expect(policy).not.toContain('unsafe');
  });
});

describe('a path that the site does not have', () => {
  test.each(['/orders/ord_01', '/orders/', '/p/BOK-0001', '/search'])('%s is the page when a browser navigates to it', (path) => {
    const answer = got(path, PAGE);
    expect(answer.status).toBe(200);
    expect(text(answer)).toContain('<title>Shop</title>');
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-cache', vary: 'Accept, Accept-Encoding' });
  });

  test('is not found for a client that requests data', () => {
    for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }, { accept: 'text/html;q=0' }] as Record<string, string>[])
      expect(ask('/orders/ord_01', headers)).toBe(undefined);
  });

  test('is not found with an extension: a page in place of a script would hide that the script is missing', () => {
    for (const path of ['/assets/main-OldHash1.js', '/favicon.ico', '/assets', '/a.b/c.js'])
      expect(ask(path, path === '/assets' ? {} : PAGE)).toBe(undefined);
  });
});

describe('the folder', () => {
  test('is the boundary: hidden files and links out of it are not served', () => {
    for (const path of ['/link.txt', '/.env', '/.git/config', '/secret.txt']) expect(ask(path)).toBe(undefined);
  });

  test('holds every file that a path can reach', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      '%2e%2e',
      '%2f',
      'secret.txt',
      '.env',
      'assets',
      'index.html',
      '%5c',
      'link.txt',
      '~',
      '\\',
    );
    const own = ['<!doctype html><title>Shop</title>', '<!doctype html><title>About</title>', '<svg', SCRIPT];
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, page) => {
        const canonical = canonicalPath(`/${parts.join('/')}`);
        if (!canonical.ok) return;
        const answer = built.match({ method: 'GET', segments: canonical.segments, headers: new Map(page ? Object.entries(PAGE) : []) });
        if (answer && 'body' in answer) expect(own.some((start) => text(answer).startsWith(start))).toBe(true);
      }),
    );
  });

  test('that is missing, without a page, too large or named twice is a problem of the boot that says what to do', () => {
    const problemsOf = (...folders: string[]) =>
      compileSite(
        realPlatform(),
        "gateway 'web'",
        folders.map((each) => site({ folder: pathToFileURL(each) })),
      ).problems;
    expect(problemsOf(join(folder, 'nowhere'))).toEqual([
      expect.stringMatching(/^gateway 'web': the site cannot be read \(ENOENT.*nowhere.*\); build it/),
    ]);
    expect(problemsOf(folder)).toEqual([expect.stringMatching(/has no index\.html; build it, or name the folder/)]);
    expect(problemsOf(folder, folder)).toEqual([expect.stringMatching(/there are 2 sites/)]);
    const { problems } = compileSite(realPlatform(), "gateway 'web'", [site({ folder: new URL('https://example.org/') })]);
    expect(problems).toEqual([expect.stringMatching(/correct 'folder'/)]);
  });

  test('is read up to a limit', () => {
    expect(() => realPlatform().files.readTree(pathToFileURL(`${folder}/`), 100)).toThrow(/more than 100 bytes/);
  });
});
