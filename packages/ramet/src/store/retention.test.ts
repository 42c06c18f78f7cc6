import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DAY, HOUR, realPlatform } from '../platform/index.ts';
import { createRetention, inboxLowWater, migrate } from './index.ts';
import { sqlite } from './sqlite/index.ts';

test('what nobody can ask for any more is deleted, and the rest is kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-'));
  const platform = realPlatform();
  const environment = { platform, warn: () => {}, fatal: () => {} };
  const factory = sqlite(folder);
  await factory.prepare(environment);
  const store = await factory.open('orders', environment);
  try {
    await migrate(store, platform, []);
    await store.write(async (tx) => {
      for (const [key, ageMs] of [
        ['old', 25 * HOUR],
        ['new', 23 * HOUR],
      ] as const) {
        await tx.run(
          'insert into ramet_requests (operation, principal, key, body_hash, at) values (?, ?, ?, ?, ramet_now() - ?)',
          'o.p',
          'user:u',
          key,
          'h',
          ageMs,
        );
      }
      for (let i = 0; i < 1_200; i++)
        await tx.run('insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now() - ?)', 's', `e${i}`, 15 * DAY);
      await tx.run('insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now())', 's', 'fresh');
      for (const [key, state] of [
        ['done', 'DONE'],
        ['open', 'STARTED'],
        ['doubt', 'IN_DOUBT'],
      ] as const) {
        await tx.run(
          'insert into ramet_fences (step_key, state, operation, updated_at) values (?, ?, ?, ramet_now() - ?)',
          key,
          state,
          'o',
          31 * DAY,
        );
      }
    });
    const errors: unknown[] = [];
    expect(await inboxLowWater(store.reader)).toBeUndefined();
    const retention = createRetention(store, platform, (error) => errors.push(error));
    retention.start();
    await expect.poll(() => store.reader.all('select event_id from ramet_inbox')).toEqual([{ event_id: 'fresh' }]);
    await expect
      .poll(() => store.reader.all('select step_key from ramet_fences order by step_key'))
      .toEqual([{ step_key: 'doubt' }, { step_key: 'open' }]);
    expect(await store.reader.all('select key from ramet_requests')).toEqual([{ key: 'new' }]);
    // How far back the inbox remembers is written down.
    const lowWater = (await inboxLowWater(store.reader)) as number;
    expect(platform.clock.wallNow() - lowWater).toBeGreaterThanOrEqual(14 * DAY);
    expect(platform.clock.wallNow() - lowWater).toBeLessThan(14 * DAY + HOUR);
    await retention.stop();
    expect(errors).toEqual([]);
  } finally {
    await store.close();
    await factory.release();
    rmSync(folder, { recursive: true });
  }
});
