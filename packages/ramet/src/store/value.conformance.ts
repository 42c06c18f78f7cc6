import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { type OnStore, THINGS } from './fixture.conformance.ts';
import { type Migration, migrate, STORE_TABLES } from './index.ts';

const TYPES: Migration = {
  name: '0002_types',
  sql: 'create table types (id integer primary key, label text, whole bigint, real double precision)',
};

const ALL = [THINGS, TYPES];
const TEXTS = [
  '',
  ' ',
  'Größe 😀 \u{10ffff} 中文 é e\u0301 \u202eabc',
  'quote \' double " back \\ ; -- /* */ ?',
  '\n\r\t\u0001\u007f',
  '0',
  'null',
];
const WHOLE = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
const REAL = [0.1, -0.5, 1e300, 5e-324, Number.MAX_VALUE, 1 / 3];

/** Cases about values in columns of types that every engine has. */
export function valueCases(it: Case, onStore: OnStore): void {
  it(
    'returns text unchanged: empty, in any script, and a megabyte of it',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], ALL);
      const texts = [...TEXTS, 'ü'.repeat(500_000)];
      await store.write(async (tx) => {
        for (const [i, text] of texts.entries()) await tx.run('insert into types (id, label) values (?, ?)', i, text);
      });
      const rows = await store.reader.all<{ label: string }>('select label from types order by id');
      expect(rows.map((row) => row.label)).toEqual(texts);
      for (const text of TEXTS) expect(await store.reader.all('select label from types where label = ?', text)).toEqual([{ label: text }]);
    }),
  );

  it(
    'keeps every character in the texts of the framework, and keeps different texts different',
    onStore(async ({ store }) => {
      const odd = [
        'k',
        'k\0',
        'k\0one',
        'k\0two',
        'k\ud800',
        'k\ud801',
        'k\ufffd',
        'k\udc00\ud800',
        'k\ufdd0',
        'k\ufdd00000',
        'k\ufdd0d800',
      ];
      await store.write(async (tx) => {
        for (const [i, text] of odd.entries()) {
          if (i % 3 === 0) await tx.run('insert into things (id, note) values (?, ?)', text, text);
          else if (i % 3 === 1) tx.expectRow('insert into things (id, note) values (?, ?)', text, text);
          else tx.defer('insert into things (id, note) values (?, ?)', text, text);
        }
      });
      for (const text of odd)
        expect(await store.reader.all('select id, note from things where id = ?', text)).toEqual([{ id: text, note: text }]);
      const last = await store.write((tx) => tx.defer<{ id: string }>('update things set n = 1 where id = ? returning id', 'k\0'));
      expect(last.row).toEqual({ id: 'k\0' });
      await store.write(async (tx) => expect(await tx.get('select note from things where id = ?', 'k\ud801')).toEqual({ note: 'k\ud801' }));
    }),
  );

  it(
    'refuses a text that not every engine keeps in the statements of a service, and keeps nothing of the transaction',
    onStore(async ({ store }) => {
      for (const text of ['a\0b', 'a\ud800', '\udc00']) {
        const inserted = store.write(async (tx) => {
          await tx.db
            .insertInto('things')
            .values({ id: JSON.stringify(text) })
            .execute();
          await tx.db.insertInto('things').values({ id: text }).execute();
        });
        await expect(inserted).rejects.toMatchObject({ code: 'BadRequest' });
        await expect(store.reader.db.selectFrom('things').selectAll().where('id', '=', text).execute()).rejects.toMatchObject({
          code: 'BadRequest',
        });
      }
      expect(await store.reader.all('select id from things')).toEqual([]);
      await store.write(async (tx) => {
        const refused = tx.savepoint(() => tx.db.insertInto('things').values({ id: '\0' }).execute());
        await expect(refused).rejects.toMatchObject({ code: 'BadRequest' });
        await tx.db
          .insertInto('things')
          .values({ id: JSON.stringify('\0') })
          .execute();
      });
      expect(await store.reader.all('select id from things')).toEqual([{ id: '"\\u0000"' }]);
    }),
  );

  it(
    'returns numbers unchanged; minus zero is zero',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], ALL);
      await store.write(async (tx) => {
        for (const [i, whole] of WHOLE.entries()) await tx.run('insert into types (id, whole) values (?, ?)', i, whole);
        for (const [i, real] of REAL.entries()) await tx.run('insert into types (id, real) values (?, ?)', 100 + i, real);
        await tx.run('insert into types (id, whole, real) values (200, ?, ?)', -0, -0);
      });
      const whole = await store.reader.all<{ whole: number }>('select whole from types where id < 100 order by id');
      expect(whole.map((row) => Number(row.whole))).toEqual(WHOLE);
      const real = await store.reader.all<{ real: number }>('select real from types where id between 100 and 199 order by id');
      expect(real.map((row) => row.real)).toEqual(REAL);
      const nought = await store.reader.get<{ whole: number; real: number }>('select whole, real from types where id = 200');
      expect([Number(nought?.whole) === 0, nought?.real === 0]).toEqual([true, true]);
    }),
  );

  it(
    'keeps whole numbers of 64 bits, and never rounds one',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], ALL);
      const large = [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
      await store.write(async (tx) => {
        for (const [i, whole] of large.entries()) await tx.run('insert into types (id, whole) values (?, ?)', i, whole);
      });
      const rows = await store.reader.all<{ text: string }>('select cast(whole as text) as text from types order by id');
      expect(rows.map((row) => row.text)).toEqual(large.map(String));
      const read = await store.reader.get<{ whole: unknown }>('select whole from types where id = 0').catch((error: Error) => error);
      if (!(read instanceof Error)) expect(String(read?.whole)).toBe('9007199254740993');
    }),
  );

  it(
    'returns null and undefined as null',
    onStore(async ({ store }) => {
      await store.write((tx) => tx.run('insert into things (id, n, note) values (?, ?, ?)', 'a', null, ''));
      expect(await store.reader.get('select n, note from things')).toEqual({ n: null, note: '' });
      expect(await store.reader.get('select n from things where n = 1')).toBe(undefined);
      expect(await store.reader.all('select n from things where n = 1')).toEqual([]);
    }),
  );

  it(
    'works with Kysely in transactions and in queries',
    onStore(async ({ store }) => {
      await store.write(async ({ db }) => {
        const inserted = await db
          .insertInto('things')
          .values([
            { id: 'a', n: 1, note: null },
            { id: 'b', n: 2, note: 'x' },
          ])
          .returning('id')
          .execute();
        expect(inserted).toEqual([{ id: 'a' }, { id: 'b' }]);
        const updated = await db.updateTable('things').set({ n: 3 }).where('id', '=', 'b').executeTakeFirstOrThrow();
        expect(updated.numUpdatedRows).toBe(1n);
        const deleted = await db.deleteFrom('things').where('id', '=', 'missing').executeTakeFirstOrThrow();
        expect(deleted.numDeletedRows).toBe(0n);
      });
      const rows = await store.reader.db.selectFrom('things').select(['id', 'n']).orderBy('id').execute();
      expect(rows.map((row) => ({ ...row, n: Number(row['n']) }))).toEqual([
        { id: 'a', n: 1 },
        { id: 'b', n: 3 },
      ]);
      const streamed: unknown[] = [];
      for await (const row of store.reader.db.selectFrom('things').select('id').orderBy('id').stream()) streamed.push(row);
      expect(streamed).toEqual([{ id: 'a' }, { id: 'b' }]);
    }),
  );

  it(
    'has all rows when it is opened again',
    onStore(async ({ store, open }) => {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => store.write((tx) => tx.run('insert into things (id, n) values (?, ?)', `${i}`, i))),
      );
      await store.close();
      const again = await open();
      const row = await again.reader.get<{ count: number; sum: number }>('select count(*) as count, sum(n) as sum from things');
      expect([Number(row?.count), Number(row?.sum)]).toEqual([100, 4_950]);
    }),
  );

  it(
    'returns the time of the database in milliseconds',
    onStore(async ({ store, platform }) => {
      const before = platform.clock.wallNow() - 60_000;
      const at = await store.write(async (tx) => Number((await tx.get<{ at: number }>('select ramet_now() as at'))?.at));
      expect(Number.isInteger(at)).toBe(true);
      expect(at).toBeGreaterThan(before);
      const read = await store.reader.get<{ at: number }>('select ramet_now() as at');
      expect(Number(read?.at)).toBeGreaterThanOrEqual(at);
    }),
  );
}
