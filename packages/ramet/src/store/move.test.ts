import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Platform, realPlatform } from '../platform/index.ts';
import { type FolderTables, migrate, moveStore, refuseMoved, STORE_TABLES, type Store } from './index.ts';
import { sqlite } from './sqlite/index.ts';

/** What a folder of the framework keeps in both stores. */
const LOG: FolderTables = {
  tables: ['ramet_log', 'ramet_local'],
  migrations: [
    {
      name: 'ramet_0001',
      part: 9,
      sql: ';\ncreate table ramet_log (pos bigint primary key, envelope text not null); create table ramet_local (id text)',
    },
  ],
  move: { stays: ['ramet_local'], used: ['select pos from ramet_log limit 1'] },
};
const folders = [STORE_TABLES, LOG];

const OWN = [
  {
    name: '0001_things',
    sql: "create table things (id text primary key, n bigint, weight real, raw blob, note text); create table pairs (a integer, b text, primary key (a, b)); create table loose (line text, n integer); insert into things (id) values ('by the migration')",
  },
];

async function opened(platform: Platform, name: string): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), `ramet-move-${name}-`));
  const environment = { platform, onWarning: () => {}, onFatal: () => {} };
  const factory = sqlite(folder);
  await factory.prepare(environment);
  const store = await factory.open('things', environment);
  await migrate(store, platform, folders, OWN);
  onTestFinished(async () => {
    await store.close();
    await factory.release();
    rmSync(folder, { recursive: true });
  });
  return store;
}

/** Rows of every kind of value, and rows of the framework. */
async function fill(store: Store, rows = 1_234): Promise<void> {
  await store.write(async (tx) => {
    for (let i = 0; i < rows; i++) {
      await tx.run(
        'insert into things (id, n, weight, raw, note) values (?, ?, ?, ?, ?)',
        `t${i}`,
        9_007_199_254_740_993n + BigInt(i),
        i / 3,
        new Uint8Array([i % 256, 0]),
        i % 7 === 0 ? null : `ü ${i} 😀`,
      );
      await tx.run('insert into pairs (a, b) values (?, ?)', i % 10, `b${i}`);
      await tx.run('insert into loose (line, n) values (?, ?)', `line ${i % 3}`, i % 2);
      await tx.run('insert into ramet_log (pos, envelope) values (?, ?)', i + 1, '{}');
    }
    await tx.run("insert into ramet_local (id) values ('of this store')");
    await tx.run("insert into ramet_marks (name, at) values ('inbox', 77)");
  });
}

test('after a move the target has everything, and no process can start on the source', async () => {
  const platform = realPlatform();
  const [from, to] = [await opened(platform, 'from'), await opened(platform, 'to')];
  await fill(from);
  const copied: string[] = [];
  const moved = await moveStore({ from, to, folders, platform, batch: 100, onCopied: ({ name }) => copied.push(name) });
  expect(Object.fromEntries(moved.map(({ name, rows }) => [name, rows]))).toMatchObject({
    things: 1_235,
    pairs: 1_234,
    loose: 1_234,
    ramet_log: 1_234,
  });
  expect(await to.reader.all('select id from ramet_local')).toEqual([]);
  expect(copied).toEqual(moved.map(({ name }) => name));
  const exact = 'select cast(n as text) as n, weight, raw, note from things where id = ?';
  expect(await to.reader.get(exact, 't1233')).toEqual(await from.reader.get(exact, 't1233'));
  expect(await to.reader.get(exact, 't1233')).toMatchObject({ n: '9007199254742226' });
  expect(await to.reader.get('select at from ramet_marks where name = ?', 'inbox')).toMatchObject({ at: 77 });
  await expect(refuseMoved(from)).rejects.toMatchObject({
    code: 'StoreMoved',
    message: expect.stringContaining('name that one in the topology'),
  });
  await refuseMoved(to);
  await expect(moveStore({ from, to, folders, platform })).rejects.toThrow(/it was moved before/);
});

test('an interrupted copy continues where it stopped, and no process starts on it before it is complete', async () => {
  const platform = realPlatform();
  const [from, to] = [await opened(platform, 'from'), await opened(platform, 'to')];
  await fill(from, 500);
  let writes = 0;
  const failing: Store = {
    ...to,
    reader: to.reader,
    write: (work, options) => (++writes > 8 ? Promise.reject(new Error('the power fails')) : to.write(work, options)),
  };
  await expect(moveStore({ from, to: failing, folders, platform, batch: 50 })).rejects.toThrow('the power fails');
  await expect(refuseMoved(to)).rejects.toMatchObject({ code: 'StoreMoved', message: expect.stringContaining('have not all been copied') });
  await refuseMoved(from);
  const moved = await moveStore({ from, to, folders, platform, batch: 50 });
  expect(moved.find(({ name }) => name === 'things')?.rows).toBe(501);
  await refuseMoved(to);
});

test('lost rows are found, and the source stays the store of the service', async () => {
  const platform = realPlatform();
  const [a, b] = [await opened(platform, 'a'), await opened(platform, 'b')];
  await fill(a, 120);
  const losing: Store = {
    ...b,
    reader: b.reader,
    async write(work, options) {
      const result = await b.write(work, options);
      await b.write((tx) => tx.run("delete from things where id = 't7'").then(() => undefined));
      return result;
    },
  };
  await expect(moveStore({ from: a, to: losing, folders, platform })).rejects.toMatchObject({
    code: 'MoveFailed',
    message: expect.stringContaining("table 'things'"),
  });
  await refuseMoved(a);
});

test('a target that has been in use, or does not fit, is not changed', async () => {
  const platform = realPlatform();
  const [from, to] = [await opened(platform, 'from'), await opened(platform, 'to')];
  await fill(from, 3);
  await fill(to, 5);
  await expect(moveStore({ from, to, folders, platform })).rejects.toMatchObject({
    code: 'MoveRefused',
    message: expect.stringContaining('events or requests of its own'),
  });
  const other = await opened(platform, 'other');
  await other.write((tx) => tx.run('alter table things drop column note').then(() => undefined));
  const more: Store = { ...other, reader: other.reader, capabilities: { ...other.capabilities, partitions: 16 } };
  const refused = await moveStore({ from, to: more, folders, platform }).catch((error: Error) => error.message);
  expect(refused).toContain("table 'things' of the target has no note");
  expect(refused).toContain('1 partitions and the target');
  expect(await to.reader.get('select count(*) as n from pairs')).toMatchObject({ n: 5 });
});

test('a store is never moved into itself: its rows stay', async () => {
  const platform = realPlatform();
  const from = await opened(platform, 'itself');
  await expect(moveStore({ from, to: from, folders, platform })).rejects.toMatchObject({
    code: 'MoveRefused',
    message: expect.stringContaining("the target is the store of 'things' itself"),
  });
  expect(await from.reader.get('select id from things')).toEqual({ id: 'by the migration' });
  expect(await from.reader.all('select name from ramet_marks')).toEqual([]);
});
