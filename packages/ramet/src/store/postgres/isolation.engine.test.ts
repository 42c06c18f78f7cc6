import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { BUS_TABLES, createOutbox, type Envelope } from '../../bus/index.ts';
import type { AdapterTx } from '../adapter-tx.ts';
import { migrate, STORE_TABLES } from '../index.ts';
import { gate, newPlace } from './place.fixture.ts';

const envelope = (id: string, key: string): Envelope => ({
  id,
  type: 'things.changed',
  version: 1,
  source: 'things',
  key,
  timestamp: '2026-11-21T12:00:00.000Z',
  correlationId: 'cor_1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: {},
});

describe('concurrent transactions', () => {
  test('are numbered in the order of their commits, whichever began or appended first', async () => {
    await using place = await newPlace();
    const store = await place.open({ partitions: 1 });
    const outbox = createOutbox(store);
    const seen: number[][] = [];
    const look = async () => void seen.push((await outbox.read(0, 0, 10)).map(({ pos }) => pos));
    const [appended, committed] = [gate(), gate()];
    // It writes first of all (and so has the lower transaction number), appends first, and commits last.
    const slow = store.write(async (tx) => {
      await tx.run("insert into things (id) values ('slow')");
      await outbox.append(tx, [envelope('evt_slow', 'a')]);
      appended.open();
      await committed.opened;
      await tx.run("update things set n = 1 where id = 'slow'");
    });
    await appended.opened;
    await store.write((tx) => outbox.append(tx, [envelope('evt_quick', 'a')]));
    await look();
    committed.open();
    await slow;
    await look();
    expect(seen).toEqual([[1], [1, 2]]);
    expect((await outbox.read(0, 0, 10)).map(({ envelope }) => JSON.parse(envelope).id)).toEqual(['evt_quick', 'evt_slow']);
  });

  test('that hold a partition and roll back leave no hole and no waiting transaction', async () => {
    await using place = await newPlace();
    const store = await place.open({ partitions: 1, lockTimeoutMs: 300 });
    const outbox = createOutbox(store);
    await store.write((tx) => outbox.append(tx, [envelope('evt_1', 'a')]));
    const [held, release] = [gate(), gate()];
    const holding = store.write(async (tx) => {
      await tx.run('update ramet_partitions set pos = pos + 1 where p = 0');
      held.open();
      await release.opened;
      throw new Error('rolled back');
    });
    await held.opened;
    // A transaction that waits too long is refused, with nothing written.
    await expect(store.write((tx) => outbox.append(tx, [envelope('evt_2', 'a')]))).rejects.toMatchObject({
      code: 'StoreUnavailable',
      executed: 'no',
    });
    release.open();
    await expect(holding).rejects.toThrow('rolled back');
    await store.write((tx) => outbox.append(tx, [envelope('evt_3', 'a')]));
    expect((await outbox.read(0, 0, 10)).map(({ pos }) => pos)).toEqual([1, 2]);
  });

  test('that deadlock are run again', async () => {
    await using place = await newPlace();
    const store = await place.open({ lockTimeoutMs: 5_000 });
    await store.write((tx) => tx.run("insert into things (id, n) values ('a', 0), ('b', 0)"));
    const [one, two] = [gate(), gate()];
    let runs = 0;
    const take = (first: string, second: string, mine: typeof one, other: typeof one) =>
      store.write(async (tx) => {
        runs++;
        await tx.run('update things set n = n + 1 where id = ?', first);
        mine.open();
        await other.opened;
        // The error that a handler makes of the failure does not hide that another run may succeed.
        await tx.run('update things set n = n + 1 where id = ?', second).catch(() => {
          throw new Error('of the handler');
        });
      });
    await Promise.all([take('a', 'b', one, two), take('b', 'a', two, one)]);
    expect(runs).toBe(3);
    expect(await store.reader.all('select n from things')).toEqual([{ n: 2 }, { n: 2 }]);
  });

  test('that are blocked in each run are refused for now, and nothing was written', async () => {
    await using place = await newPlace();
    const store = await place.open();
    let runs = 0;
    const always = store.write(async (tx) => {
      runs++;
      await tx.run("insert into things (id) values ('never')");
      await tx.run("do $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$");
    });
    await expect(always).rejects.toMatchObject({
      code: 'StoreUnavailable',
      executed: 'no',
      message: expect.stringContaining('deadlock detected'),
    });
    expect(runs).toBe(3);
    expect(await store.reader.all('select id from things')).toEqual([]);
    await store.close();
  });

  test('that read and then write lose an update; that lock what they read, or add in the statement, do not', async () => {
    await using place = await newPlace();
    const store = await place.open();
    const twice = async (change: (db: import('kysely').Transaction<any>, mine: () => Promise<void>) => Promise<unknown>) => {
      await store.write((tx) => tx.run("insert into things (id, n) values ('a', 0) on conflict (id) do update set n = 0"));
      let waiting = 0;
      const both = gate();
      const meet = async () => {
        if (++waiting === 2) both.open();
        await Promise.race([both.opened, new Promise((resolve) => setTimeout(resolve, 200))]);
      };
      await Promise.all([0, 1].map(() => store.write((tx) => change(tx.db, meet))));
      return (await store.reader.get<{ n: number }>("select n from things where id = 'a'"))?.n;
    };
    const write = (db: import('kysely').Transaction<any>, n: number) => db.updateTable('things').set({ n }).where('id', '=', 'a').execute();
    const lost = await twice(async (db, meet) => {
      const { n } = await db.selectFrom('things').select('n').where('id', '=', 'a').executeTakeFirstOrThrow();
      await meet();
      await write(db, n + 1);
    });
    const locked = await twice(async (db, meet) => {
      const { n } = await db.selectFrom('things').select('n').where('id', '=', 'a').forUpdate().executeTakeFirstOrThrow();
      await meet();
      await write(db, n + 1);
    });
    const added = await twice(async (db, meet) => {
      await meet();
      await db
        .updateTable('things')
        .set((eb) => ({ n: eb('n', '+', 1) }))
        .where('id', '=', 'a')
        .execute();
    });
    expect({ lost, locked, added }).toEqual({ lost: 1, locked: 2, added: 2 });
  });
});

describe('limits', () => {
  test('a write that finds no free connection in time is refused, and nothing was written', async () => {
    await using place = await newPlace();
    const store = await place.open({ connections: 2, waitMs: 1_000 });
    const release = gate();
    const holders = [0, 1].map((i) => {
      const holds = gate();
      const done = store.write(async (tx) => {
        await tx.run('insert into things (id) values (?)', `${i}`);
        holds.open();
        await release.opened;
      });
      return { holds: holds.opened, done };
    });
    await Promise.all(holders.map(({ holds }) => holds));
    await expect(store.write((tx) => tx.run("insert into things (id) values ('late')"))).rejects.toMatchObject({
      code: 'StoreUnavailable',
      executed: 'no',
      message: expect.stringContaining('none of its 2 connections'),
    });
    // Queries have their own connections.
    expect(await store.reader.all('select id from things')).toEqual([]);
    release.open();
    await Promise.all(holders.map(({ done }) => done));
    await store.write((tx) => tx.run("insert into things (id) values ('now')"));
  });

  test('a statement that takes too long is ended, and its transaction with it', async () => {
    await using place = await newPlace();
    const store = await place.open({ statementTimeoutMs: 150 });
    const slow = store.write(async (tx) => {
      await tx.run("insert into things (id) values ('a')");
      await sql`select pg_sleep(5)`.execute(tx.db);
    });
    await expect(slow).rejects.toMatchObject({ code: 'StoreUnavailable', executed: 'no' });
    await expect(store.reader.all('select pg_sleep(5)')).rejects.toMatchObject({ code: 'StoreUnavailable' });
    expect(await store.reader.all('select id from things')).toEqual([]);
  });

  test('a sealed handle refuses statements of the handler, and still takes those of the framework', async () => {
    await using place = await newPlace();
    const store = await place.open();
    await store.write(async (tx) => {
      await tx.db.insertInto('things').values({ id: 'a' }).execute();
      await (tx as AdapterTx).seal();
      await expect(tx.db.insertInto('things').values({ id: 'late' }).execute()).rejects.toMatchObject({ code: 'TransactionClosed' });
      await tx.run("insert into things (id) values ('of the framework')");
    });
    expect(await store.reader.all('select id from things order by id')).toEqual([{ id: 'a' }, { id: 'of the framework' }]);
  });

  test('a backend that ends during a migration leaves nothing half done', async () => {
    await using place = await newPlace();
    const store = await place.open();
    const slow = {
      name: '0002_slow',
      sql: 'create table half (id integer); do $$ begin perform pg_sleep(1); end $$; create table whole (id integer)',
    };
    const THINGS = { name: '0001_things', sql: 'create table things (id text primary key, n bigint, note text)' };
    const starters = [0, 1, 2].map(() => migrate(store, place.environment.platform, [STORE_TABLES, BUS_TABLES], [THINGS, slow]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ended = await place.admin(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and query like '%pg_sleep%'",
      `${place.prefix}things`,
    );
    expect(ended).toHaveLength(1);
    await Promise.all(starters);
    expect(await store.reader.all("select name from ramet_migrations where name like '0002%'")).toHaveLength(1);
    expect(await store.reader.all('select id from half union all select id from whole')).toEqual([]);
  });

  test('a table that changes beside a running process does not harm its prepared statements', async () => {
    await using place = await newPlace();
    const store = await place.open();
    await store.write((tx) => tx.run("insert into things (id, n) values ('a', 1)"));
    const read = () => store.reader.all('select * from things');
    const within = () => store.write((tx) => tx.all('select * from things where n > ?', 0));
    for (let i = 0; i < 3; i++)
      expect([await read(), await within()]).toEqual([[{ id: 'a', n: 1, note: null }], [{ id: 'a', n: 1, note: null }]]);
    await place.admin(`alter table ${place.prefix}things.things add column colour text default 'red'`);
    for (let i = 0; i < 2; i++) {
      expect(await read()).toEqual([{ id: 'a', n: 1, note: null, colour: 'red' }]);
      expect(await within()).toEqual([{ id: 'a', n: 1, note: null, colour: 'red' }]);
    }
  });
});

describe('hints', () => {
  test('wake listeners in other processes, also after their connection was lost', async () => {
    await using place = await newPlace();
    const [here, there] = [await place.open(), await place.open()];
    const outbox = createOutbox(here);
    let woken = 0;
    const forget = createOutbox(there).onAppend(() => woken++);
    const publish = async (i: number) => {
      const before = woken;
      for (let looks = 0; looks < 100 && woken === before; looks++) {
        await here.write((tx) => outbox.append(tx, [envelope(`evt_${i}_${looks}`, 'a')]));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(woken).toBeGreaterThan(before);
    };
    await publish(1);
    await place.admin(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and application_name like '%hints'",
      `${place.prefix}things`,
    );
    await publish(2);
    forget();
  });
});
