import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DAY, HOUR, realPlatform } from '../platform/index.ts';
import { createRetention, frameworkMigrations, lowWater, mayBeForgotten, migrate } from '../store/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { FRAMEWORK_TABLES } from './framework-tables.ts';

/** A store that exists holds these: a text that changes keeps every such store from opening. */
const HASHES = {
  ramet_0001: '7017c38dab2af4a6d5dd084f177798155d768623a8d75e037a2b5e411a67eb45',
  ramet_0002: '6691ed03697dffb4278934150beb90a5b1c85709187fe3b4940b8837bedfa544',
  ramet_0003: '53bcaaf5b10109026fb3a7c6fa1d05d0df9bba0ad807cd7d68f877f241e3a440',
  ramet_0004: '3ce9d098f24be80277f5abb64a28a5e6cd02ec9ca7873103779d8ae5838b382b',
  ramet_0005: 'b77a7a756c868ec4359bf2a5983886d661ab5d006bc0fe9b05b80abfcd79607a',
  ramet_0006: 'f8f6e94a25a2637393a7cfb602c652109b8da0d4cafa029aa136d6b017613728',
  ramet_0007: '9585d1a83a285d6520eaf8005651b8235af23f484d4eadea8248bf56392f9594',
  ramet_0008: '5fdc6ad9f677c0be1487de48f20a43b7e0cdd72197d0748a2c9e4be9c6601a60',
  ramet_0009: 'f5be1f2395c44ae476ad710d1f0822e55e8117c4ade99b8aaff66ce8234387d4',
  ramet_0010: '8f92d5f49bc857e9c10e64e26efca67d82c684a59b7639c0bb23233cc830b33c',
  ramet_0011: 'fcb96d9e04db4aaf0931ec92cbef54a392a5183015b07102dae1f86c9d311a43',
  ramet_0012: 'a244b220cd5a965f519da91dd9c3733e9c36790863f1f9a65f8169554880159c',
  ramet_0013: '5f65815d3d8b17343080065887ad57ec0b1c4935ae5cea6f3553783082d0325f',
  ramet_0014: '675810d3edbbc0f568c4e9e37685059faf84bb127a4f654b2bbb19a0c8ba12bd',
};

test('the migrations of the framework are those that ran in existing stores, in their order', () => {
  const platform = realPlatform();
  const found = frameworkMigrations(FRAMEWORK_TABLES).map(({ name, sql }) => [name, platform.crypto.sha256(sql.trim())]);
  expect(found).toEqual(Object.entries(HASHES));
});

test('a migrated store has the tables that the folders name', async () => {
  const tables = FRAMEWORK_TABLES.flatMap((folder) => folder.tables);
  await using migrated = await opened();
  const found = (await migrated.store.tables()).map(({ name }) => name);
  // A move makes its table and drops it.
  expect(found.toSorted()).toEqual(tables.filter((name) => name !== 'ramet_move').toSorted());
});

test('retention deletes what no caller can repeat any more, and keeps the rest', async () => {
  await using migrated = await opened();
  const { store, platform } = migrated;
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
  expect(await lowWater(store.reader, 'inbox')).toBeUndefined();
  const retention = createRetention(store, platform, FRAMEWORK_TABLES, (error) => errors.push(error));
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
  const lowest = (await lowWater(store.reader, 'inbox')) as number;
  expect(platform.clock.wallNow() - lowest).toBeGreaterThanOrEqual(14 * DAY);
  expect(platform.clock.wallNow() - lowest).toBeLessThan(14 * DAY + HOUR);
  await retention.stop();
  expect(errors).toEqual([]);
});

/** A store with all tables of the framework. */
async function opened() {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-'));
  const platform = realPlatform();
  const environment = { platform, onWarning: () => {}, onFatal: () => {} };
  const factory = sqlite(folder);
  await factory.prepare(environment);
  const store = await factory.open('orders', environment);
  await migrate(store, platform, FRAMEWORK_TABLES, []);
  return {
    store,
    platform,
    async [Symbol.asyncDispose]() {
      await store.close();
      await factory.release();
      rmSync(folder, { recursive: true });
    },
  };
}
