import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ShopClient } from '../harness/client.ts';
import { freePorts, launchShop, type ShopOptions, startShop } from '../harness/shop-process.ts';

/** Starts a shop that must not come up. @returns what it says about it */
async function refusal(options: ShopOptions): Promise<string> {
  await using shop = await launchShop(options);
  await expect(shop.ready()).rejects.toThrow(/before it was ready/);
  expect(await shop.exited).toEqual({ code: 1, signal: null });
  expect(shop.stdout).not.toContain('ready http');
  return shop.stderr;
}

describe('a start that cannot succeed ends with code 1 and says what to do', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ramet-start-'));
    await writeFile(join(folder, 'file'), '');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(['file', 'file/below', 'file/far/below'])('the data directory is not a directory: %s', async (path) => {
    const said = await refusal({ dataDir: join(folder, path) });
    expect(said).toContain(join(folder, path));
    expect(said).toMatch(/name another folder in DATA_DIR/);
  });

  test('another shop uses the data directory, and continues', async () => {
    await using first = await startShop();
    const said = await refusal({ dataDir: first.dataDir });
    expect(said).toContain(`another process uses '${first.dataDir}'`);
    expect(said).toMatch(/name another folder in DATA_DIR/);
    const client = new ShopClient(first);
    expect((await client.request('GET', '/readyz')).status).toBe(200);
    await client.customer();
    client.close();
  });

  // The companions wait a while for a port that a shop that ended just now may still hold.
  test.concurrent.each(['web', 'admin', 'provider', 'smtp', 'mail'] as const)('the port is in use: %s', async (which) => {
    const ports = await freePorts();
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(ports[which], '127.0.0.1', resolve));
    try {
      expect(await refusal({ ports })).toContain(String(ports[which]));
    } finally {
      holder.close();
    }
  });

  test.each([
    [{ PORT: 'eighty' }, /PORT is 'eighty'.*set it to a number/],
    [{ ADMIN_PORT: '70000' }, /ADMIN_PORT is '70000'.*set it to a number/],
    [{ RATE_LIMIT: 'often' }, /'often' is not a rate.*'100\/15m'/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL 'loud'.*trace, debug/],
  ])('a setting makes no sense: %o', async (env, said) => {
    expect(await refusal({ env })).toMatch(said);
  });
});
