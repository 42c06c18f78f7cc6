import { expect } from 'vitest';
import { type Case, conformanceSuite } from '../../platform/cases.conformance.ts';
import { code, type OnStore, onStoreOf, type StoreHarness } from '../../store/fixture.conformance.ts';
import { STORE_TABLES } from '../../store/index.ts';
import { BUS_TABLES, createOutbox, type Envelope, type Outbox, type OutboxRow } from '../index.ts';

function envelope(id: string, key: string, data: unknown = {}): Envelope {
  return {
    id,
    type: 'things.changed',
    version: 1,
    source: 'things',
    key,
    timestamp: '2026-07-31T12:00:00.000Z',
    correlationId: 'cor_1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    data,
  };
}

async function everything(outbox: Outbox): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  for (let p = 0; p < outbox.partitions; p++) {
    let read = await outbox.read(p, 0, 100);
    while (read.length > 0) {
      rows.push(...read);
      read = await outbox.read(p, (read.at(-1) as OutboxRow).pos, 100);
    }
  }
  return rows;
}
const idOf = (row: OutboxRow): string => (JSON.parse(row.envelope) as Envelope).id;

/** Registers the tests of an outbox on a store: what every bus relies on. Each adapter of a store passes them. */
export function outboxConformance(name: string, harness: StoreHarness): void {
  conformanceSuite(`${name} as the store of an outbox`, undefined, (it) => outboxCases(it, onStoreOf(harness, [STORE_TABLES, BUS_TABLES])));
}

function outboxCases(it: Case, onStore: OnStore): void {
  it(
    'gives positions without holes under eight writers, a fifth of whom roll back',
    onStore(async ({ store }) => {
      const outbox = createOutbox(store);
      const landed = new Map<string, string[]>();
      const writer = async (w: number) => {
        for (let i = 0; i < 200; i++) {
          const key = `${w}-${i % 3}`;
          const events = Array.from({ length: 1 + (i % 3) }, (_, n) => envelope(`evt_${w}_${i}_${n}`, key));
          const rollBack = (i * 7 + w * 3) % 5 === 0;
          const writing = store.write(async (tx) => {
            await outbox.append(tx, events);
            if (rollBack) throw new Error('rolled back');
          });
          if (rollBack) await expect(writing).rejects.toThrow('rolled back');
          else {
            await writing;
            landed.set(key, [...(landed.get(key) ?? []), ...events.map((event) => event.id)]);
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, w) => writer(w)));
      // `read` itself refuses a hole; order per key is the order of the commits.
      const read = new Map<string, string[]>();
      for (const row of await everything(outbox)) {
        const { id, key } = JSON.parse(row.envelope) as Envelope;
        read.set(key, [...(read.get(key) ?? []), id]);
      }
      expect(read).toEqual(landed);
      const sums = await store.reader.all<{ same: number }>(
        `select (select count(*) from ramet_outbox o where o.p = c.p) - pos as same from ramet_partitions c`,
      );
      expect(sums.map((row) => Number(row.same))).toEqual(sums.map(() => 0));
    }),
  );

  it(
    'reads events in the order in which they were appended, a page at a time',
    onStore(async ({ store }) => {
      const outbox = createOutbox(store);
      const events = Array.from({ length: 25 }, (_, i) =>
        envelope(`evt_${String(i).padStart(2, '0')}`, 'one key', { i, text: 'ä\u0000😀' }),
      );
      await store.write((tx) => outbox.append(tx, events.slice(0, 10)));
      await store.write((tx) => outbox.append(tx, events.slice(10)));
      const rows = await everything(outbox);
      expect(rows.map((row) => JSON.parse(row.envelope))).toEqual(events);
      expect(rows.map((row) => row.type)).toEqual(events.map((event) => event.type));
      expect(rows.map((row) => row.pos)).toEqual(events.map((_, i) => i + 1));
      const p = await partitionOf(outbox);
      expect((await outbox.read(p, 7, 5)).map((row) => row.pos)).toEqual([8, 9, 10, 11, 12]);
      expect(await outbox.read(p, 25, 5)).toEqual([]);
    }),
  );

  it(
    'raises PositionGap when an event is missing',
    onStore(async ({ store }) => {
      const outbox = createOutbox(store);
      await store.write((tx) =>
        outbox.append(
          tx,
          Array.from({ length: 9 }, (_, i) => envelope(`evt_${i}`, 'one key')),
        ),
      );
      const p = await partitionOf(outbox);
      const missing = async (pos: number) => {
        await store.write((tx) => tx.run('delete from ramet_outbox where p = ? and pos = ?', p, pos));
        return expect.objectContaining({ code: 'PositionGap', message: expect.stringContaining(`position ${pos} is missing`) });
      };
      const five = await missing(5);
      await expect(outbox.read(p, 0, 9)).rejects.toEqual(five);
      await expect(outbox.read(p, 4, 9)).rejects.toEqual(five);
      expect(await outbox.read(p, 0, 4)).toHaveLength(4);
      await expect(outbox.read(p, 0, 9)).rejects.toEqual(five);
      const one = await missing(1);
      await expect(outbox.read(p, 0, 9)).rejects.toEqual(one);
    }),
  );

  it(
    'refuses an event that is there already',
    onStore(async ({ store }) => {
      const outbox = createOutbox(store);
      await store.write((tx) => outbox.append(tx, [envelope('evt_1', 'a')]));
      await expect(store.write((tx) => outbox.append(tx, [envelope('evt_2', 'a'), envelope('evt_1', 'a')]))).rejects.toThrow();
      await store.write((tx) => outbox.append(tx, [envelope('evt_3', 'a')]));
      expect((await everything(outbox)).map(idOf)).toEqual(['evt_1', 'evt_3']);
    }),
  );

  it(
    'wakes readers after a commit that added events, and only then',
    onStore(async ({ store, platform }) => {
      const outbox = createOutbox(store);
      const looks: Promise<number>[] = [];
      const forget = outbox.onAppend(() => void looks.push(everything(outbox).then((rows) => rows.length)));
      try {
        await store.write(async (tx) => {
          await outbox.append(tx, [envelope('evt_1', 'a')]);
          await platform.timers.sleep(5);
          expect(looks).toEqual([]);
        });
        await store.write((tx) => outbox.append(tx, []));
        await store.write((tx) => tx.run("insert into things (id) values ('a')"));
        const rolledBack = store.write(async (tx) => {
          await outbox.append(tx, [envelope('evt_2', 'a')]);
          throw new Error('rolled back');
        });
        await expect(rolledBack).rejects.toThrow('rolled back');
        // Long enough for what must not come.
        await platform.timers.sleep(100);
        expect(await Promise.all(looks)).toEqual([1]);
        forget();
        await store.write((tx) => outbox.append(tx, [envelope('evt_3', 'a')]));
        await platform.timers.sleep(100);
        expect(looks).toHaveLength(1);
      } finally {
        // Whatever came of the case, nothing reads when the store is closed behind it.
        forget();
        await Promise.allSettled(looks);
      }
    }),
  );

  it(
    'deletes from the beginning of a partition what is old and let go of, says how far, and refuses to read over it',
    onStore(async ({ store }) => {
      const outbox = createOutbox(store);
      for (let i = 0; i < 5; i++) await store.write((tx) => outbox.append(tx, [envelope(`evt_${i}`, 'a')]));
      await store.write((tx) => tx.run("update ramet_outbox set at = at - 5000 where event_id <> 'evt_3'"));
      const p = await partitionOf(outbox);
      const { retention } = outbox;
      expect(await retention?.prune(p, 2, 4_000)).toBe(false);
      expect(await retention?.prunedTo(p)).toBe(2);
      // The fourth one is young: nothing behind it goes.
      expect(await retention?.prune(p, 5, 4_000)).toBe(false);
      expect(await retention?.prunedTo(p)).toBe(3);
      expect(await retention?.prune(p, 3, 4_000)).toBe(false);
      expect((await outbox.read(p, 3, 10)).map(({ pos }) => pos)).toEqual([4, 5]);
      await expect(outbox.read(p, 2, 10)).rejects.toEqual(code('PositionGap'));
      await store.write((tx) => outbox.append(tx, [envelope('evt_5', 'a')]));
      expect(await outbox.head(p)).toBe(6);
    }),
  );
}

async function partitionOf(outbox: Outbox): Promise<number> {
  for (let p = 0; p < outbox.partitions; p++) if ((await outbox.read(p, 0, 1)).length > 0) return p;
  throw new Error('no partition holds an event');
}
