import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freshStorefront, MARK } from './fresh.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const SCRIPT_MOST_BYTES = 25 * 1024;
const run = promisify(execFile);

async function assets(dist: string): Promise<string[]> {
  return (await readdir(join(dist, 'assets'))).toSorted();
}

describe('the build', () => {
  test(`loads a script of at most ${SCRIPT_MOST_BYTES / 1024} kB, compressed, and no other`, async () => {
    await freshStorefront();
    const page = await readFile(join(here, 'dist/index.html'), 'utf8');
    const scripts = (await assets(join(here, 'dist'))).filter((name) => name.endsWith('.js'));
    const bytes = await Promise.all(
      scripts.map(async (name) => gzipSync(await readFile(join(here, 'dist/assets', name)), { level: 9 }).length),
    );
    expect(scripts.length).toBe(1);
    expect(page).toContain(`src="/assets/${scripts[0]}"`);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(SCRIPT_MOST_BYTES);
  });

  test('has nothing inline, which the policy of the gateway would not let run', async () => {
    await freshStorefront();
    const page = await readFile(join(here, 'dist/index.html'), 'utf8');
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:|data:/i);
  });
});

describe('a storefront', () => {
  let root: string;
  let shop: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ramet-storefront-'));
    shop = join(root, 'shop/app');
    await symlink(join(here, '../../../node_modules'), join(root, 'node_modules'));
    await cp(join(here, '../../../tsconfig.json'), join(root, 'tsconfig.json'));
    await cp(here, join(shop, 'storefront'), { recursive: true, filter: (path) => !path.endsWith('/dist') });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** As a start of the shop does it: in a process of its own. */
  const fresh = (env: Readonly<Record<string, string>> = {}) =>
    run(process.execPath, ['--input-type=module', '-e', `await (await import('${join(shop, 'storefront/fresh.ts')}')).freshStorefront()`], {
      env: { ...process.env, ...env },
    });
  const dist = () => join(shop, 'storefront/dist');

  test('is the same whatever the shop runs as', async () => {
    await fresh({ NODE_ENV: 'production' });
    const before = await assets(dist());
    await rm(dist(), { recursive: true });
    await fresh({ NODE_ENV: 'development' });
    expect(await assets(dist())).toEqual(before);
  });

  test('that was never built is built without a word, by several at once too, and then left alone', async () => {
    for (const { stdout, stderr } of await Promise.all([fresh(), fresh(), fresh()])) expect(stdout + stderr).toBe('');
    expect((await readdir(dist())).toSorted()).toEqual([MARK, 'assets', 'icon.svg', 'index.html']);
    const { mtimeMs } = await stat(join(dist(), 'index.html'));
    await fresh();
    expect((await stat(join(dist(), 'index.html'))).mtimeMs).toBe(mtimeMs);
  });

  test('whose sources have changed is built again, and nothing of the former one is left', async () => {
    await fresh();
    const before = await assets(dist());
    await appendFile(join(shop, 'storefront/app/title.ts'), "\ndocument.documentElement.dataset['changed'] = 'yes';\n");
    await fresh();
    const after = await assets(dist());
    expect(after.length).toBe(before.length);
    expect(after).not.toEqual(before);
    expect(await readFile(join(dist(), 'index.html'), 'utf8')).toContain(after.find((name) => name.endsWith('.js')));
  });

  test('that cannot be built says where, and leaves what was there', async () => {
    await fresh();
    const before = await assets(dist());
    await appendFile(join(shop, 'storefront/app/title.ts'), '\nconst = ;\n');
    await expect(fresh()).rejects.toThrow(/the storefront cannot be built.*title\.ts/s);
    expect(await assets(dist())).toEqual(before);
  });
});
