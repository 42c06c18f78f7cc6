import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterAll, describe, expect, test } from 'vitest';
import { ownEngine, sharedEngine } from '../../../platform/engine.fixture.ts';
import { newId, realPlatform } from '../../../platform/index.ts';
import type { LimitStore } from '../../index.ts';
import { limitStoreConformance } from '../conformance.ts';
import { parseRate } from '../rate-limit.ts';
import { redis } from './index.ts';

const platform = realPlatform();
const url = sharedEngine('redis');
const admin = createClient({ url });
await admin.connect();
afterAll(() => admin.destroy());

const errors: unknown[] = [];
const environment = { platform, onError: (error: unknown) => errors.push(error) };
const rate = parseRate('3/1h');

async function keysOf(prefix: string): Promise<string[]> {
  return (await admin.keys(`${prefix}*`)).sort();
}

async function ready(store: LimitStore): Promise<LimitStore> {
  for (let i = 0; i < 200; i++) {
    try {
      await store.counter('ready', parseRate('1/10ms')).take('x');
      return store;
    } catch {
      await sleep(20);
    }
  }
  throw new Error('the store did not get ready');
}

limitStoreConformance('redis', {
  capabilities: redis(url).capabilities,
  async place() {
    const prefix = `test:${newId(platform, 'lim')}:`;
    return {
      open: () => ready(redis(url, { prefix }).create(environment)),
      pass: async (ms) => {
        await sleep(ms + 5);
      },
      async dispose() {
        const keys = await keysOf(prefix);
        if (keys.length > 0) await admin.del(keys);
      },
    };
  },
});

describe('redis', () => {
  test('stores nothing of a key once its limit is whole again, and no names of people', async () => {
    const prefix = `test:${newId(platform, 'lim')}:`;
    const store = await ready(redis(url, { prefix }).create(environment));
    await store.counter('web/field', parseRate('2/300ms')).take('user cus_1 /api/sessions anna@example.com');
    const kept = (await keysOf(prefix)).filter((key) => key.includes('web/field'));
    expect(kept).toEqual([expect.stringMatching(/^test:lim_\w+:web\/field:2\/300:[0-9a-f]{32}$/)]);
    expect(await admin.pTTL(kept[0] as string)).toBeLessThanOrEqual(152);
    await sleep(400);
    expect(await keysOf(prefix)).toEqual([]);
    await store.close();
  });

  test('continues to count after a restart of the server, which forgets the script, and reports the outage once', async () => {
    const engine = await ownEngine('redis');
    const reported: unknown[] = [];
    const store = await ready(redis(engine.url).create({ platform, onError: (error) => reported.push(error) }));
    try {
      const counter = store.counter('web/client', rate);
      expect([(await counter.take('anna')).remaining, (await counter.take('anna')).remaining]).toEqual([2, 1]);
      await engine.stop();
      const startedMono = platform.clock.monoNow();
      await expect((async () => counter.take('anna'))()).rejects.toThrow();
      expect(platform.clock.monoNow() - startedMono).toBeLessThan(50);
      await sleep(500);
      expect(reported).toHaveLength(1);
      await engine.start();
      await ready(store);
      // The counts were on disk.
      expect((await counter.take('anna')).remaining).toBe(0);
      expect(reported).toHaveLength(1);
    } finally {
      await store.close();
      await engine.wipe();
    }
  });

  test('reconnects after a server hung', async () => {
    const engine = await ownEngine('redis');
    const reported: unknown[] = [];
    const store = await ready(redis(engine.url).create({ platform, onError: (error) => reported.push(error) }));
    try {
      const counter = store.counter('web/client', rate);
      await counter.take('anna');
      await engine.pause();
      const waiting = (async () => counter.take('anna'))().then(
        () => 'counted',
        () => 'given up',
      );
      expect(await waiting).toBe('given up');
      expect(reported).toHaveLength(1);
      await engine.resume();
      await ready(store);
      expect((await counter.take('anna')).allowed).toBe(true);
    } finally {
      await engine.resume().catch(() => {});
      await store.close();
      await engine.wipe();
    }
  });

  test('may be unavailable during boot, and counts once it is available', async () => {
    const engine = await ownEngine('redis');
    await engine.stop();
    const store = redis(engine.url).create(environment);
    try {
      await expect((async () => store.counter('web/client', rate).take('anna'))()).rejects.toThrow();
      await engine.start();
      await ready(store);
      expect((await store.counter('web/client', rate).take('anna')).allowed).toBe(true);
    } finally {
      await store.close();
      await engine.wipe();
    }
  });
});
