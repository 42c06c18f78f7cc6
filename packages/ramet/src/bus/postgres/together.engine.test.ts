import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { realPlatform } from '../../platform/index.ts';
import { migrate, STORE_TABLES, type Store, type Tx } from '../../store/index.ts';
import { postgres } from '../../store/postgres/index.ts';
import { BUS_TABLES, Consumer, type Envelope, type EventHandler } from '../index.ts';
import { query } from './place.fixture.ts';

/* On PostgreSQL the events of a batch share a transaction, and handlers that say one statement say them together. */
const url = sharedEngine('postgres');
const schemas: string[] = [];
afterEach(async () => {
  for (const schema of schemas.splice(0)) await query(url, `drop schema if exists ${schema} cascade`);
});

const platform = realPlatform();
const TABLES =
  'create table counters (id text primary key, n bigint not null); create table seen (seq serial, id text primary key, key text not null)';
const envelope = (n: number, key: string, event: string): Envelope => ({
  id: `evt_${n}`,
  type: `orders.${event}`,
  version: 1,
  source: 'orders',
  key,
  timestamp: '2026-11-21T12:00:00.000Z',
  correlationId: 'cor_1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: { n },
});

async function open(): Promise<Store> {
  const schema = `together_${randomBytes(5).toString('hex')}`;
  schemas.push(schema);
  const store = await postgres(url, { schema }).open('mail', { platform, onWarning: () => {}, onFatal: () => {} });
  await migrate(store, platform, [STORE_TABLES, BUS_TABLES], [{ name: '0001_tables', sql: TABLES }]);
  return store;
}

/** Delivers events as a bus does, one batch of one partition. */
async function deliver(store: Store, handlers: Record<string, EventHandler>, events: readonly Envelope[]): Promise<string[]> {
  const outcomes: string[] = [];
  const consumer = new Consumer({
    platform,
    store,
    subscriber: 'mail',
    handlers: new Map(Object.entries(handlers).map(([event, handler]) => [`orders.${event}`, handler])),
    onOutcome: (outcome, { id }) => outcomes.push(`${id} ${outcome}`),
  });
  await consumer.begin('orders', 0);
  const deliveries = events.map((event, i) => ({ pos: i + 1, envelope: event }));
  await consumer.deliver({ log: 'orders', p: 0, through: events.length, deliveries });
  return outcomes;
}

const write = async ({ id, key }: Envelope, tx: Tx) => void (await tx.run('insert into seen (id, key) values (?, ?)', id, key));

test('a handler that reads, thinks and writes loses no update to another one of its batch', async () => {
  const store = await open();
  await store.write((tx) => tx.run("insert into counters values ('all', 0)"));
  const count = async (_: Envelope, tx: Tx) => {
    const { n } = (await tx.get<{ n: number }>("select n from counters where id = 'all' for update")) as { n: number };
    await tx.run("update counters set n = ? where id = 'all'", n + 1);
  };
  const events = Array.from({ length: 150 }, (_, i) => envelope(i, `key ${i}`, i % 3 === 0 ? 'counted' : 'written'));
  const outcomes = await deliver(store, { counted: count, written: write }, events);
  expect(outcomes.filter((outcome) => outcome.endsWith(' handled'))).toHaveLength(150);
  expect(await store.reader.all('select n from counters')).toEqual([{ n: 50 }]);
  expect(await store.reader.get('select count(*) as n from seen')).toEqual({ n: 100 });
  await store.close();
});

test('events of one key are handled one after another, the next when the one before has ended', async () => {
  const store = await open();
  const under = new Set<string>();
  const overlapping: string[] = [];
  const alone = async (event: Envelope, tx: Tx) => {
    if (under.has(event.key)) overlapping.push(event.id);
    under.add(event.key);
    await write(event, tx);
    under.delete(event.key);
  };
  await deliver(
    store,
    { written: alone },
    Array.from({ length: 120 }, (_, i) => envelope(i, `key ${i % 7}`, 'written')),
  );
  expect(overlapping).toEqual([]);
  const rows = await store.reader.all<{ id: string; key: string }>('select id, key from seen order by seq');
  expect(rows).toHaveLength(120);
  for (const [key, own] of Object.entries(Object.groupBy(rows, (row) => row.key)))
    expect(own?.map(({ id }) => Number(id.slice(4)))).toEqual(
      Array.from({ length: own?.length ?? 0 }, (_, i) => Number(key.slice(4)) + 7 * i),
    );
  await store.close();
});

test('only the event that fails is set aside, and the others of its batch take effect once', async () => {
  const store = await open();
  const some = async (event: Envelope, tx: Tx) => {
    if (event.id === 'evt_20') throw new Error('refused');
    await write(event, tx);
    // A row that is there already: the statement fails, and with it the transaction.
    if (event.id === 'evt_40') await write(event, tx);
  };
  const events = Array.from({ length: 64 }, (_, i) => envelope(i, `key ${i}`, 'written'));
  const outcomes = await deliver(store, { written: some }, events);
  expect(outcomes.filter((outcome) => !outcome.endsWith(' handled')).sort()).toEqual(['evt_20 retrying', 'evt_40 retrying']);
  expect(await store.reader.get('select count(*) as n from seen')).toEqual({ n: 62 });
  await store.close();
});

const KEYS = ['a', 'b', 'c', 'd'];
const EACH_ONCE = KEYS.map((id) => ({ id, n: 1 }));
const ALL_HANDLED = KEYS.map((_, i) => `evt_${i} handled`);
const bump = async ({ key }: Envelope, tx: Tx) => void (await tx.run('update counters set n = n + 1 where id = ?', key));

/** Four events of different keys, each of which counts up a row of its own. */
async function count(handler: (event: Envelope, tx: Tx) => Promise<void>, quietMs = 0) {
  const store = await open();
  for (const key of KEYS) await store.write((tx) => tx.run('insert into counters values (?, 0)', key));
  const outcomes = await deliver(
    store,
    { counted: handler },
    KEYS.map((key, i) => envelope(i, key, 'counted')),
  );
  await sleep(quietMs);
  const counters = await store.reader.all('select id, n from counters order by id');
  await store.close();
  return { outcomes: outcomes.sort(), counters };
}

test('handlers that wait for something else before their only statement take effect once', async () => {
  const slow = async (event: Envelope, tx: Tx) => {
    await sleep(300);
    await bump(event, tx);
  };
  expect(await count(slow, 1_200)).toEqual({ outcomes: ALL_HANDLED, counters: EACH_ONCE });
});

test('a transaction that was given up because a handler waited for too long says nothing afterwards', async () => {
  let waits = true;
  const once = async (event: Envelope, tx: Tx) => {
    if (event.key === 'd' && waits) {
      waits = false;
      await sleep(1_400);
    }
    await bump(event, tx);
  };
  expect((await count(once, 1_500)).counters).toEqual(EACH_ONCE);
});

test('handlers may wait for each other: for what one of them loads, and for their turn', async () => {
  let rates: Promise<unknown> | undefined;
  const loads = async (event: Envelope, tx: Tx) => {
    rates ??= tx.get('select 7 as rate');
    await rates.catch(() => {});
    await bump(event, tx);
  };
  expect(await count(loads)).toEqual({ outcomes: ALL_HANDLED, counters: EACH_ONCE });
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (event: Envelope, tx: Tx) => {
    const own = turn.then(() => bump(event, tx));
    turn = own.catch(() => {});
    return own;
  };
  expect(await count(inTurn)).toEqual({ outcomes: ALL_HANDLED, counters: EACH_ONCE });
});

test('an event whose handler hides a failed statement has failed, and the next one has not', async () => {
  const hides = async (event: Envelope, tx: Tx) => {
    await tx.get('select 1 as one');
    await bump(event, tx);
    if (event.key === 'a') await tx.run("insert into counters values ('a', 1)").catch(() => {});
  };
  const { outcomes, counters } = await count(hides);
  expect(outcomes).toEqual(['evt_0 retrying', ...ALL_HANDLED.slice(1)]);
  expect(counters).toEqual([{ id: 'a', n: 0 }, ...EACH_ONCE.slice(1)]);
});

test('what one handler undoes in a savepoint is its own', async () => {
  const undoes = async (event: Envelope, tx: Tx) => {
    if (event.key !== 'a') return bump(event, tx);
    await tx
      .savepoint(async () => {
        await bump(event, tx);
        throw new Error('no');
      })
      .catch(() => {});
  };
  expect(await count(undoes)).toEqual({ outcomes: ALL_HANDLED, counters: [{ id: 'a', n: 0 }, ...EACH_ONCE.slice(1)] });
});
