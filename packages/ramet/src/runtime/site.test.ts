import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embedded } from '../bus/embedded/index.ts';
import { answer, compose, gateway, site } from '../gateway/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/* A site as a client sees it over the wire, beside the routes of its gateway. */

const folder = temporaryFolder();
let runtime: Runtime;

const startWith = (built: string): Promise<Runtime> => {
  const edge = gateway('edge', {
    limit: { rate: '5/15m' },
    origins: ['https://elsewhere.example'],
    routes: [
      site({ folder: pathToFileURL(`${built}/`) }),
      compose('GET /hello', { access: 'public', run: () => answer('hello', { 'content-type': 'text/plain' }) }),
      compose('POST /orders', { access: 'public', run: () => ({ orderId: 'ord_1' }) }),
    ],
  });
  return start(
    topology({
      services: {},
      gateways: { edge: async () => ({ default: edge }) },
      profiles: { monolith: { store: sqlite(join(folder.path, 'data')), bus: embedded() } },
    }),
    { ports: { edge: 0 }, logLevel: 'error' },
  );
};

beforeAll(async () => {
  writeFileSync(join(folder.path, 'index.html'), `<!doctype html><title>Shop</title><p>${'calm '.repeat(400)}`);
  writeFileSync(join(folder.path, 'hello'), 'the file of this name');
  runtime = await startWith(folder.path);
});
afterAll(async () => {
  await runtime.stop();
  folder[Symbol.dispose]();
});

interface Wire {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: runtime.ports['edge'], method, path, headers, agent: false }, async (incoming) => {
      let text = '';
      for await (const chunk of incoming.setEncoding('latin1') as AsyncIterable<string>) text += chunk;
      resolve({ status: incoming.statusCode, headers: incoming.headers, text });
    });
    outgoing.on('error', reject).end();
  });
}

test('a page is compressed and has its own policy; its tag revalidates it, and HEAD answers with its length', async () => {
  const page = await ask('GET', '/', { accept: 'text/html', 'accept-encoding': 'gzip' });
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'gzip' } });
  expect(page.headers['content-security-policy']).toContain("script-src 'self'");
  expect(page.headers['x-content-type-options']).toBe('nosniff');
  expect(page.headers['vary']).toBe('Origin, Accept-Encoding');
  expect(page.headers['content-length']).toBe(String(page.text.length));
  const head = await ask('HEAD', '/', { 'accept-encoding': 'gzip' });
  expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': page.headers['content-length'] } });
  const again = await ask('GET', '/', { 'accept-encoding': 'gzip', 'if-none-match': String(page.headers['etag']) });
  expect(again).toMatchObject({ status: 304, text: '' });
  expect(again.headers).not.toHaveProperty('content-length');
});

test('routes win over files and over pages, and what neither has is a problem as ever', async () => {
  expect(await ask('GET', '/hello')).toMatchObject({ status: 200, text: 'hello' });
  expect(await ask('GET', '/orders', { accept: 'text/html' })).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  expect(await ask('GET', '/orders/ord_1', { accept: 'text/html' })).toMatchObject({ status: 200 });
  expect(await ask('GET', '/orders/ord_1')).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json' } });
  expect(await ask('POST', '/index.html')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  expect(await ask('GET', '/livez', { accept: 'text/html' })).toMatchObject({ status: 200, text: expect.stringContaining('alive') });
});

test('files are not limited, and stand neither in the interface document nor by name in the metrics', async () => {
  for (let i = 0; i < 20; i++) expect((await ask('GET', '/index.html')).status).toBe(200);
  expect(Object.keys(JSON.parse((await ask('GET', '/openapi.json')).text).paths)).toEqual(['/hello', '/orders']);
  const metrics = (await ask('GET', '/metrics')).text;
  expect(metrics).toContain('route="(site)"');
  expect(metrics).not.toContain('index.html');
});

test('a site that was not built keeps the process from starting', async () => {
  await expect(startWith(join(folder.path, 'dist'))).rejects.toThrow(/the site cannot be read .*build it/);
});
