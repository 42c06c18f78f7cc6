import { RametError } from '../errors/index.ts';
import { hash32 } from '../platform/index.ts';
import type { Store, Tx } from '../store/index.ts';
import type { Envelope } from './envelope.ts';

/** Events of one service, as they were committed: the only place events come from. */
export interface Outbox {
  readonly service: string;
  readonly partitions: number;
  /** Events behind position `after` of partition `p`, in order, without holes. */
  read(p: number, after: number, limit: number): Promise<OutboxRow[]>;
  /** The newest position of partition `p`; 0 when it has no event. */
  head(p: number): Promise<number>;
  /** Calls `wake` after each commit that added events. A hint: whoever needs certainty polls as well. */
  onAppend(wake: () => void): () => void;
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
    onAppend(wake) {
      wakers.add(wake);
      return () => wakers.delete(wake);
    },
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
