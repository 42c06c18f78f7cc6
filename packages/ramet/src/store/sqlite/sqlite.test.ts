import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outboxConformance } from '../../bus/conformance/outbox.conformance.ts';
import { RametError } from '../../errors/index.ts';
import { realPlatform } from '../../platform/index.ts';
import type { AdapterTx } from '../adapter-tx.ts';
import { storeConformance } from '../conformance.ts';
import type { StoreHarness } from '../fixture.conformance.ts';
import type { Store, StoreEnvironment } from '../index.ts';
import { sqlite } from './index.ts';

const harness: StoreHarness = {
  capabilities: sqlite('.').capabilities,
  async place() {
    const folder = mkdtempSync(join(tmpdir(), 'ramet-store-'));
    const faults: unknown[] = [];
    const platform = realPlatform({
      onPoint(site) {
        const fault = site === 'sqlite.commit' ? faults.shift() : undefined;
        return fault ? Promise.reject(fault) : undefined;
      },
    });
    const factory = sqlite(folder);
    const fatal = (error: unknown) => {
      throw error;
    };
    await factory.prepare({ platform, onWarning: () => {}, onFatal: fatal });
    return {
      factory,
      platform,
      failNextCommit: () => void faults.push(sqliteError(13, 'database or disk is full')),
      async dispose() {
        await factory.release();
        rmSync(folder, { recursive: true });
      },
    };
  },
};
storeConformance('sqlite', harness);
outboxConformance('sqlite', harness);

const sqliteError = (errcode: number, message: string) => Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });

describe('sqlite', () => {
  let folder: string;
  let fatal: unknown[];
  let points: Map<string, () => void>;
  let environment: StoreEnvironment;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ramet-sqlite-'));
    fatal = [];
    points = new Map();
    environment = {
      platform: realPlatform({ onPoint: (site) => void points.get(site)?.() }),
      onWarning: () => {},
      onFatal: (error) => fatal.push(error),
    };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function opened(): Promise<Store> {
    const store = await sqlite(folder, { exclusive: false }).open('things', environment);
    await store.write((tx) => tx.run('create table things (id text primary key, note text)'));
    return store;
  }
  const count = async (store: Store) => Number((await store.reader.get<{ n: number }>('select count(*) as n from things'))?.n);

  test('refuses a folder that another process or handle uses, until that one ends in any way', async () => {
    const holder = sqlite(folder);
    await holder.prepare(environment);
    const script = `
      import { sqlite } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
      await sqlite(${JSON.stringify(folder)}).prepare({}).then(() => console.log('free'), (error) => console.log(error.code, error.message));
      process.kill(process.pid, 'SIGKILL');`;
    const other = () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      return text(child.stdout);
    };
    const elsewhere = other();
    await expect(sqlite(folder).prepare(environment)).rejects.toMatchObject({ code: 'StoreLocked' });
    const refused = await elsewhere;
    expect(refused).toContain('StoreLocked');
    expect(refused).toContain(folder);
    expect(refused).toContain('DATA_DIR');
    await holder.release();
    expect(await other()).toBe('free\n');
    await holder.prepare(environment);
    await holder.release();
  });

  test('a sealed handle refuses statements of the handler, and still takes those of the framework', async () => {
    const store = await opened();
    await store.write(async (tx) => {
      await tx.db.insertInto('things').values({ id: 'a' }).execute();
      await (tx as AdapterTx).seal();
      await expect(tx.db.insertInto('things').values({ id: 'late' }).execute()).rejects.toMatchObject({ code: 'TransactionClosed' });
      await tx.run("insert into things (id) values ('of the framework')");
    });
    expect(await store.reader.all('select id from things order by id')).toEqual([{ id: 'a' }, { id: 'of the framework' }]);
    await store.close();
  });

  test('lets two processes share a folder when the option says so', async () => {
    const [one, two] = [sqlite(folder, { exclusive: false }), sqlite(folder, { exclusive: false })];
    await one.prepare(environment);
    await two.prepare(environment);
    const first = await opened();
    const second = await two.open('things', environment);
    for (let i = 0; i < 10; i++) {
      await first.write((tx) => tx.run('insert into things (id) values (?)', `1-${i}`));
      await second.write((tx) => tx.run('insert into things (id) values (?)', `2-${i}`));
    }
    expect([await count(first), await count(second)]).toEqual([20, 20]);
    await first.close();
    await second.close();
  });

  test('says how to repair a folder that cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(sqlite(join(folder, 'file', 'data')).prepare(environment)).rejects.toMatchObject({
      code: 'StoreUnwritable',
      message: expect.stringMatching(
        /file\/data' cannot be written .*: give this user write permission, or name another folder in DATA_DIR/,
      ),
    });
    await expect(sqlite(join(folder, 'nowhere')).open('things', environment)).rejects.toMatchObject({
      code: 'StoreUnwritable',
      message: expect.stringContaining('DATA_DIR'),
    });
    writeFileSync(join(folder, 'things.db'), 'this is not a database but a text that is long enough to look like one'.repeat(50));
    await expect(sqlite(folder).open('things', environment)).rejects.toMatchObject({ code: 'StoreUnwritable' });
  });

  test('lets timers and sockets have their turn between transactions that take long', async () => {
    const store = await opened();
    let turns = 0;
    let over = false;
    const turning = (async () => {
      for (; !over; turns++) await environment.platform.timers.yield();
    })();
    const long = (id: number) =>
      store.write(async (tx) => {
        for (const until = performance.now() + 12; performance.now() < until; ) await tx.get('select 1');
        await tx.run('insert into things (id) values (?)', `${id}`);
      });
    await Promise.all(Array.from({ length: 32 }, (_, id) => long(id)));
    over = true;
    await turning;
    expect(await count(store)).toBe(32);
    expect(turns).toBeGreaterThan(10);
    await store.close();
  });

  test('answers StoreUnavailable on a full disk, writes nothing, and recovers when there is room', async () => {
    const store = await opened();
    const pages = (max: number) => store.write((tx) => tx.get(`pragma max_page_count = ${max}`));
    await pages(8);
    const large = (id: string) =>
      store.write(async (tx) => {
        await tx.run('insert into things (id) values (?)', `small ${id}`);
        await tx.run('insert into things (id, note) values (?, ?)', id, 'x'.repeat(100_000));
      });
    await expect(large('a')).rejects.toMatchObject({ code: 'StoreUnavailable', retryable: true, executed: 'no' });
    const results = await Promise.allSettled([
      store.write((tx) => tx.run("insert into things (id) values ('neighbour')")),
      large('b'),
      store.write((tx) => tx.run("insert into things (id) values ('other neighbour')")),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'StoreUnavailable' } });
    expect(await count(store)).toBe(2);
    await pages(10_000);
    await large('a');
    expect(await count(store)).toBe(4);
    await store.close();
    expect(fatal).toEqual([]);
  });

  test('writes nothing for a handler that continues after SQLite ended its transaction', async () => {
    const store = await opened();
    await store.write((tx) => tx.get('pragma max_page_count = 8'));
    const stubborn = (id: string) =>
      store.write(async (tx) => {
        await tx.run('insert into things (id) values (?)', `${id} before`);
        await tx.db
          .insertInto('things')
          .values({ id, note: 'x'.repeat(100_000) })
          .execute()
          .catch(() => {});
        await tx.run('insert into things (id) values (?)', `${id} after`).catch(() => {});
        await tx.savepoint(() => tx.run('insert into things (id) values (?)', `${id} within`)).catch(() => {});
        await tx.db
          .insertInto('things')
          .values({ id: `${id} by the user` })
          .execute()
          .catch(() => {});
      });
    await expect(stubborn('alone')).rejects.toMatchObject({ code: 'StoreUnavailable' });
    const results = await Promise.allSettled([store.write((tx) => tx.run("insert into things (id) values ('n')")), stubborn('together')]);
    expect(results).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'StoreUnavailable' } }]);
    expect(await store.reader.all('select id from things')).toEqual([{ id: 'n' }]);
    await store.close();
  });

  test('ends the process instead of continuing after a failed fsync', async () => {
    const store = await opened();
    points.set('sqlite.commit', () => {
      points.clear();
      throw sqliteError(1034, 'disk I/O error');
    });
    const writes = ['a', 'b', 'c'].map((id) => store.write((tx) => tx.run('insert into things (id) values (?)', id)));
    const results = await Promise.allSettled(writes);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(fatal).toHaveLength(1);
    await expect(store.write((tx) => tx.run("insert into things (id) values ('d')"))).rejects.toMatchObject({ code: 'StoreUnavailable' });
    expect(await count(store)).toBe(0);
    await store.close();
  });

  test('reports how many transactions shared each commit, and survives a listener that throws', async () => {
    const commits: [string, number][] = [];
    environment = {
      ...environment,
      onCommit: (service, _, transactions) => {
        commits.push([service, transactions]);
        throw new Error('a listener that throws');
      },
    };
    const store = await opened();
    await Promise.all(['a', 'b', 'c'].map((id) => store.write((tx) => tx.run('insert into things (id) values (?)', id))));
    expect(commits).toEqual([
      ['things', 1],
      ['things', 3],
    ]);
    await store.close();
  });

  test('has durable commits, a write-ahead log and foreign keys', async () => {
    const store = await opened();
    const pragma = (name: string) => store.write((tx) => tx.get<Record<string, unknown>>(`pragma ${name}`));
    expect(await pragma('synchronous')).toEqual({ synchronous: 2 });
    expect(await pragma('journal_mode')).toEqual({ journal_mode: 'wal' });
    expect(await pragma('foreign_keys')).toEqual({ foreign_keys: 1 });
    await store.close();
  });

  test('lets a deferred constraint that fails at COMMIT harm only the one that broke it', async () => {
    const store = await opened();
    await store.write((tx) => tx.run('create table children (id text, parent text references things (id) deferrable initially deferred)'));
    const results = await Promise.allSettled([
      store.write((tx) => tx.run("insert into things (id) values ('a')")),
      store.write((tx) => tx.run("insert into children values ('orphan', 'missing')")),
      store.write((tx) => tx.run("insert into children values ('child', 'a')")),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await store.reader.all('select id from children')).toEqual([{ id: 'child' }]);
    await store.close();
  });

  test('refuses a value that no column can hold, and says what to do', async () => {
    const store = await opened();
    const write = (note: unknown) => store.write(({ db }) => db.insertInto('things').values({ id: 'a', note }).execute());
    await expect(write(new Date(0))).rejects.toThrow(/store a date as milliseconds/);
    await expect(write({})).rejects.toThrow(/an object as JSON text/);
    await store.write(({ db }) => sql`insert into things (id, note) values ('b', ${true})`.execute(db));
    await store.write((tx) => tx.run('insert into things (id, note) values (?, ?)', 'c', 5));
    expect(await store.reader.all('select note from things')).toEqual([{ note: '1' }, { note: '5' }]);
    expect(await store.reader.get("select 7 / ? as whole, json_array(?) as json, '' || ? as text", 2, 3, 0.5)).toEqual({
      whole: 3,
      json: '[3]',
      text: '0.5',
    });
    await store.close();
  });

  test('throws errors of a handler that look like errors of the disk unchanged', async () => {
    const store = await opened();
    const error = Object.assign(new Error('printer is busy'), { errcode: 5 });
    await expect(
      store.write(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    await expect(
      store.write(() => {
        throw new RametError('NotFound');
      }),
    ).rejects.toMatchObject({ code: 'NotFound' });
    await store.close();
  });
});
