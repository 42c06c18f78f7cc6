import { RametError } from '../../errors/index.ts';
import { hash32 } from '../../platform/index.ts';
import type { Reader, Store, Tx } from '../../store/index.ts';
import { type Envelope, EVENT_MAX_BYTES } from '../envelope.ts';
import { progressOf, type RelayProgress } from './relay-progress.ts';

/** Events per transaction: others who write must not wait for a long deletion. */
const PRUNED_AT_ONCE = 500;
/** Events per statement. */
const ROWS_AT_ONCE = 100;
/** The counter has been raised by as many events as there are; each is as far below it as there are events behind it. */
const ROW = '(?, (select pos from ramet_partitions where p = ?) - ?, ?, ?, ?, ?, ramet_now(), ?)';
/** The hint that the processes of one store send each other. */
const APPENDED = 'outbox';

/** Events of one service, as they were committed: the only place events come from. */
export interface Outbox {
  readonly service: string;
  readonly partitions: number;
  /** Events behind position `after` of partition `p`, in order, without holes. */
  read(p: number, after: number, limit: number): Promise<OutboxRow[]>;
  /** The newest position of partition `p`; 0 when it has no event. */
  head(p: number): Promise<number>;
  /** Where each partition that has had events begins and ends. */
  ends(): Promise<readonly PartitionEnds[]>;
  /** Deletes what is old; absent where this process does not know every reader. */
  readonly retention?: OutboxRetention;
  /** The progress of relays that publish the events to a broker; absent where the outbox belongs to another process. */
  readonly progress?: RelayProgress;
  /** Calls `wake` after each commit that added events, with the partitions where they are known. A hint: a reader that needs certainty polls as well. */
  onAppend(wake: (partitions?: readonly number[]) => void): () => void;
}

/** Positions up to and with `prunedTo` were deleted; `head` is the newest. */
export interface PartitionEnds {
  readonly p: number;
  readonly prunedTo: number;
  readonly head: number;
}

/** Deletes what is old from an outbox. */
export interface OutboxRetention {
  /** The position up to which partition `p` was deleted; 0 while it is whole. */
  prunedTo(p: number): Promise<number>;
  /**
   * Deletes events from the beginning of partition `p` that are older than `keepMs`, up to position `through` at most, a few
   * hundred at once. @returns whether there is more to delete
   */
  prune(p: number, through: number, keepMs: number): Promise<boolean>;
}

/** Is an event as it stands in an outbox: its envelope is JSON. */
export interface OutboxRow {
  readonly pos: number;
  readonly type: string;
  readonly key: string;
  readonly envelope: string;
}

/** Is an outbox that events can be added to. */
export interface OutboxWriter extends Outbox {
  /** Whether the event was published before. */
  has(reader: Pick<Reader, 'get'>, eventId: string): Promise<boolean>;
  /**
   * Adds events to the transaction. Call it once, last in the transaction: it raises the counters of the partitions.
   * @throws RametError PayloadTooLarge for an event of more than 4 MiB
   */
  append(tx: Tx, envelopes: readonly Envelope[]): Promise<void>;
}

/**
 * The outbox of a store. Positions are dense per partition: the counter is raised in the transaction that fills the rows,
 * so they become visible in order and a rollback leaves no hole; a reader that sees one knows that something was lost.
 */
export function createOutbox(store: Store): OutboxWriter {
  const { partitions } = store.capabilities;
  const wakers = new Set<(partitions: readonly number[]) => void>();
  return {
    service: store.service,
    partitions,
    has: async (reader, eventId) => (await reader.get('select 1 from ramet_outbox where event_id = ?', eventId)) !== undefined,
    async append(tx, envelopes) {
      if (envelopes.length === 0) return;
      const filled = byPartition(envelopes, partitions);
      for (const [p, events] of filled) {
        tx.defer(
          'insert into ramet_partitions (p, pos) values (?, ?) on conflict (p) do update set pos = ramet_partitions.pos + excluded.pos',
          p,
          events.length,
        );
        for (let from = 0; from < events.length; from += ROWS_AT_ONCE) {
          const rows = events.slice(from, from + ROWS_AT_ONCE);
          tx.defer(
            `insert into ramet_outbox (p, pos, event_id, event, version, key, at, envelope) values ${rows.map(() => ROW).join(', ')}`,
            ...rows.flatMap((event, i) => [
              p,
              p,
              events.length - from - i - 1,
              event.id,
              event.type,
              event.version,
              event.key,
              textOf(event),
            ]),
          );
        }
      }
      tx.afterCommit(() => {
        for (const wake of wakers) wake(filled.map(([p]) => p));
        store.hints?.notify(APPENDED);
      });
    },
    async read(p, after, limit) {
      const rows = await store.reader.all<{ pos: number; event: string; key: string; envelope: string }>(
        'select pos, event, key, envelope from ramet_outbox where p = ? and pos > ? order by pos limit ?',
        p,
        after,
        limit,
      );
      return dense(
        rows.map(({ pos, event, key, envelope }) => ({ pos: Number(pos), type: event, key, envelope })),
        after,
        `outbox of '${store.service}', partition ${p}`,
      );
    },
    async head(p) {
      const row = await store.reader.get<{ pos: number }>('select pos from ramet_partitions where p = ?', p);
      return Number(row?.pos ?? 0);
    },
    async ends() {
      const rows = await store.reader.all<{ p: number; pos: number; pruned_upto: number }>(
        'select p, pos, pruned_upto from ramet_partitions',
      );
      return rows.map(({ p, pos, pruned_upto }) => ({ p: Number(p), prunedTo: Number(pruned_upto), head: Number(pos) }));
    },
    retention: retentionOf(store),
    progress: progressOf(store),
    onAppend(wake) {
      wakers.add(wake);
      const forget = store.hints?.listen(APPENDED, wake);
      return () => {
        wakers.delete(wake);
        forget?.();
      };
    },
  };
}

/** What no broker takes would stop everything behind it: it is refused while its transaction can still be undone. @throws RametError PayloadTooLarge */
function textOf(event: Envelope): string {
  const text = JSON.stringify(event);
  // A character takes three bytes at most.
  if (text.length > EVENT_MAX_BYTES / 3 && Buffer.byteLength(text) > EVENT_MAX_BYTES)
    throw new RametError('PayloadTooLarge', `event '${event.type}' is larger than ${EVENT_MAX_BYTES} bytes with its envelope`);
  return text;
}

/** What was read behind `after`, when nothing is missing. @throws RametError PositionGap */
export function dense<R extends { readonly pos: number }>(rows: R[], after: number, where: string): R[] {
  rows.forEach(({ pos }, i) => {
    if (pos !== after + 1 + i) throw new RametError('PositionGap', `${where}: position ${after + 1 + i} is missing, the next is ${pos}`);
  });
  return rows;
}

function retentionOf(store: Store): OutboxRetention {
  const prunedTo = async (reader: Pick<Reader, 'get'>, p: number) =>
    Number((await reader.get<{ pruned_upto: number }>('select pruned_upto from ramet_partitions where p = ?', p))?.pruned_upto ?? 0);
  return {
    prunedTo: (p) => prunedTo(store.reader, p),
    prune: (p, through, keepMs) =>
      store.write(
        async (tx) => {
          const pruned = await prunedTo(tx, p);
          // The first one that is young enough ends it, also where a clock that went back made a later one look old.
          const rows = await tx.all<{ pos: number; old: number }>(
            'select pos, case when at < ramet_now() - ? then 1 else 0 end as old from ramet_outbox where p = ? and pos > ? order by pos limit ?',
            keepMs,
            p,
            pruned,
            PRUNED_AT_ONCE,
          );
          const young = rows.findIndex((row) => Number(row.old) === 0);
          const old = young < 0 ? rows : rows.slice(0, young);
          const upTo = Math.min(through, Number(old.at(-1)?.pos ?? 0));
          if (upTo <= pruned) return false;
          await tx.run('delete from ramet_outbox where p = ? and pos <= ?', p, upTo);
          await tx.run('update ramet_partitions set pruned_upto = ? where p = ?', upTo, p);
          return upTo < through && old.length === PRUNED_AT_ONCE;
        },
        { name: 'outbox retention' },
      ),
  };
}

function byPartition(envelopes: readonly Envelope[], partitions: number): [number, Envelope[]][] {
  if (partitions === 1) return [[0, [...envelopes]]];
  const groups = new Map<number, Envelope[]>();
  for (const envelope of envelopes) {
    const p = hash32(envelope.key) % partitions;
    const group = groups.get(p);
    if (group) group.push(envelope);
    else groups.set(p, [envelope]);
  }
  return [...groups].sort(([a], [b]) => a - b);
}
