import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DAY, HOUR, realPlatform } from '../platform/index.ts';
import { createRetention, inboxLowWater, mayBeForgotten, migrate } from './index.ts';
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
      for (const [principal, key, ageMs, keepMs] of [
        ['user:u', 'old', 25 * HOUR, 24 * HOUR],
        ['user:u', 'new', 23 * HOUR, 24 * HOUR],
        ['service:a', 'sent', 20 * DAY, 14 * DAY],
        ['service:a', 'sent later', 15 * DAY, 14 * DAY],
        ['service:a', 'sent lately', 13 * DAY, 14 * DAY],
        // As an earlier version writes them.
        ['user:u', 'of an older version', 2 * DAY, undefined],
      ] as const) {
        await tx.run(
          'insert into ramet_requests (operation, principal, key, body_hash, at, keep_until) values (?, ?, ?, ?, ramet_now() - ?, ramet_now() + ?)',
          'o.p',
          principal,
          key,
          'h',
          ageMs,
          keepMs === undefined ? null : keepMs - ageMs,
        );
      }
      await tx.run(
        `insert into ramet_requests (operation, principal, key, body_hash, at)
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000) select 'o.old', 'user:u', 'k' || i, 'h', ramet_now() from n`,
      );
      for (let i = 0; i < 1_200; i++)
        await tx.run('insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now() - ?)', 's', `e${i}`, 15 * DAY);
      await tx.run('insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now())', 's', 'fresh');
      for (const [key, state, untouchedMs, keepMs] of [
        ['done', 'DONE', 31 * DAY, -1],
        ['of a saga that may come back', 'DONE', 400 * DAY, DAY],
        ['settled just now', 'DONE', DAY, -1],
        ['open', 'STARTED', 31 * DAY, -1],
        ['doubt', 'IN_DOUBT', 31 * DAY, -1],
      ] as const) {
        await tx.run(
          'insert into ramet_fences (step_key, state, operation, updated_at, keep_until) values (?, ?, ?, ramet_now() - ?, ramet_now() + ?)',
          key,
          state,
          'o',
          untouchedMs,
          keepMs,
        );
      }
    });
    const errors: unknown[] = [];
    expect(await inboxLowWater(store.reader)).toBeUndefined();
    const retention = createRetention(store, platform, (error) => errors.push(error));
    retention.start();
    await expect.poll(() => store.reader.all('select event_id from ramet_inbox')).toEqual([{ event_id: 'fresh' }]);
    // Rows of an earlier version, however many there are.
    await expect.poll(() => store.reader.get('select count(*) as n from ramet_requests where keep_until is null')).toEqual({ n: 0 });
    await expect
      .poll(() => store.reader.all('select step_key from ramet_fences order by step_key'))
      .toEqual(['doubt', 'of a saga that may come back', 'open', 'settled just now'].map((step_key) => ({ step_key })));
    expect(await store.reader.all("select key from ramet_requests where operation = 'o.p' order by key")).toEqual(
      ['new', 'of an older version', 'sent lately'].map((key) => ({ key })),
    );
    // What is older than the newest that was deleted may be forgotten; what is younger is not, and so with what was never deleted.
    const forgotten = (days: number) => mayBeForgotten(store.reader, 'requests', days * DAY);
    expect(await Promise.all([0, 1, 14, 14.9, 15, 16].map(forgotten))).toEqual([false, false, false, false, true, true]);
    expect(await mayBeForgotten(store.reader, 'fences', 1_000 * DAY)).toBe(false);
    expect(await mayBeForgotten(store.reader, 'fences', 4 * 365 * DAY)).toBe(true);
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
