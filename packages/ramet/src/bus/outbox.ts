import { RametError } from '../errors/index.ts';
import { hash32 } from '../platform/index.ts';
import type { Reader, Store, Tx } from '../store/index.ts';
import type { Envelope } from './envelope.ts';

/** Events per transaction: others who write must not wait for a long deletion. */
const PRUNED_AT_ONCE = 500;

/** Events of one service, as they were committed: the only place events come from. */
export interface Outbox {
  readonly service: string;
  readonly partitions: number;
  /** Events behind position `after` of partition `p`, in order, without holes. */
  read(p: number, after: number, limit: number): Promise<OutboxRow[]>;
  /** The newest position of partition `p`; 0 when it has no event. */
  head(p: number): Promise<number>;
  /** Deletes what is old; none where this process does not know of everybody who reads. */
  readonly retention?: OutboxRetention;
  /** Calls `wake` after each commit that added events. A hint: whoever needs certainty polls as well. */
  onAppend(wake: () => void): () => void;
}

export interface OutboxRetention {
  /** The position up to which partition `p` was deleted; 0 while it is whole. */
  prunedTo(p: number): Promise<number>;
  /**
   * Deletes events from the beginning of partition `p` that are older than `keepMs`, up to position `through` at most, a few
   * hundred at once. @returns whether there is more to delete
   */
  prune(p: number, through: number, keepMs: number): Promise<boolean>;
}

export interface OutboxRow {
  readonly pos: number;
  readonly type: string;
  readonly envelope: string;
}

export interface OutboxWriter extends Outbox {
  /** Adds events to the transaction. Call it once, as the last thing before the transaction ends: it raises the counters of the partitions. */
  append(tx: Tx, envelopes: readonly Envelope[]): Promise<void>;
}

/**
 * The outbox of a store. Positions are dense per partition: the counter is raised in the transaction that fills the rows,
 * so they become visible in order and a rollback leaves no hole; a reader that sees one knows that something was lost.
 */
export function createOutbox(store: Store): OutboxWriter {
  const { partitions } = store.capabilities;
  const wakers = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of wakers) wake();
  };
  return {
    service: store.service,
    partitions,
    async append(tx, envelopes) {
      if (envelopes.length === 0) return;
      for (const [p, events] of byPartition(envelopes, partitions)) {
        const counter = await tx.get<{ pos: number }>(
          'insert into ramet_partitions (p, pos) values (?, ?) on conflict (p) do update set pos = ramet_partitions.pos + excluded.pos returning pos',
          p,
          events.length,
        );
        let pos = Number(counter?.pos) - events.length;
        for (const event of events) {
          pos++;
          await tx.run(
            'insert into ramet_outbox (p, pos, event_id, event, version, key, at, envelope) values (?, ?, ?, ?, ?, ?, ramet_now(), ?)',
            p,
            pos,
            event.id,
            event.type,
            event.version,
            event.key,
            JSON.stringify(event),
          );
        }
      }
      tx.afterCommit(wakeAll);
    },
    async read(p, after, limit) {
      const rows = await store.reader.all<{ pos: number; event: string; envelope: string }>(
        'select pos, event, envelope from ramet_outbox where p = ? and pos > ? order by pos limit ?',
        p,
        after,
        limit,
      );
      return rows.map((row, i) => {
        const pos = Number(row.pos);
        if (pos !== after + 1 + i) {
          throw new RametError(
            'PositionGap',
            `outbox of '${store.service}', partition ${p}: position ${after + 1 + i} is missing, the next is ${pos}`,
          );
        }
        return { pos, type: row.event, envelope: row.envelope };
      });
    },
    async head(p) {
      const row = await store.reader.get<{ pos: number }>('select pos from ramet_partitions where p = ?', p);
      return Number(row?.pos ?? 0);
    },
    retention: retentionOf(store),
    onAppend(wake) {
      wakers.add(wake);
      return () => wakers.delete(wake);
    },
  };
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
