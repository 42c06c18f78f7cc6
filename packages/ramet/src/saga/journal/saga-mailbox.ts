import { type Envelope, topicOf } from '../../bus/index.ts';
import type { EventRef } from '../../contract/index.ts';
import { SECOND } from '../../platform/index.ts';
import type { Reader, Tx } from '../../store/index.ts';

/*
 * A service keeps the events that its sagas may wait for, as long as such a saga is open. Each event gets the next number of one
 * counter. The counter is raised first in the event's transaction, so the numbers follow the order of commits. A saga notes the
 * counter when it starts, and sees the events with higher numbers, whenever it waits. The process that releases a saga locks the
 * counter, looks for events, and only then releases. So an event arrives either before, and is seen, or after, and wakes the saga.
 */

/** An event that is older than this at the start of the saga, by the clock of its source, is history and not an answer. */
const CLOCKS_DIFFER_MS = 60 * SECOND;

/** Keeps an event, within the transaction that handles it. @returns whether it woke a sleeping saga, which can be claimed now */
export async function keepEvent(tx: Tx, envelope: Envelope, data: unknown): Promise<boolean> {
  const { seq } = (await tx.get<{ seq: number }>('update ramet_saga_counter set seq = seq + 1 where id = 0 returning seq')) as {
    seq: number;
  };
  const listening = await tx.get(
    "select 1 from ramet_sagas where state in ('RUNNING', 'DIVERGED') and events_from is not null order by events_from limit 1",
  );
  if (!listening) return false;
  await tx.run(
    'insert into ramet_saga_events (seq, event, key, event_id, published_at, data) values (?, ?, ?, ?, ?, ?)',
    Number(seq),
    envelope.type,
    envelope.key,
    envelope.id,
    Date.parse(envelope.timestamp),
    JSON.stringify(data),
  );
  const woken = await tx.run(
    `update ramet_sagas set lease_until = 0 where owner is null and state = 'RUNNING' and id in
       (select saga_id from ramet_saga_steps where event = ? and event_key = ? and state = 'STARTED')`,
    envelope.type,
    envelope.key,
  );
  return woken > 0;
}

/** The state of an open sleep or wait. */
export interface WaitState {
  readonly idx: number;
  /** Until its time is over, in milliseconds of database time; 0 or less when it is. */
  readonly remainingMs: number;
  /** The event that has arrived. */
  readonly event: { readonly id: string; readonly seq: number; readonly data: unknown } | undefined;
}

/** Returns the open sleeps and waits of a saga, in the order of their intents. */
export async function waitStates(reader: Pick<Reader, 'all'>, saga: { id: string; createdAt: number }): Promise<WaitState[]> {
  const rows = await reader.all<{ idx: number; remaining: number; event_id: string | null; seq: number | null; data: string | null }>(
    `select step.idx, step.deadline_at - ramet_now() as remaining, kept.event_id, kept.seq, kept.data
     from ramet_saga_steps step join ramet_sagas saga on saga.id = step.saga_id
     left join ramet_saga_events kept on kept.seq =
       (select min(seq) from ramet_saga_events where event = step.event and key = step.event_key
        and seq > coalesce(saga.events_from, 0) and published_at >= ?)
     where step.saga_id = ? and step.state = 'STARTED' and step.kind in ('sleep', 'wait') order by step.idx`,
    saga.createdAt - CLOCKS_DIFFER_MS,
    saga.id,
  );
  return rows.map((row) => ({
    idx: Number(row.idx),
    remainingMs: Number(row.remaining),
    event: row.data === null ? undefined : { id: row.event_id as string, seq: Number(row.seq), data: JSON.parse(row.data) as unknown },
  }));
}

/** Keeps other transactions from keeping events until this one ends. */
export async function holdEvents(tx: Tx): Promise<void> {
  await tx.run('update ramet_saga_counter set seq = seq where id = 0');
}

/** Returns the events that the sagas of a service wait for, by topic, each in its newest version. */
export function awaitedEvents(
  sagas: readonly { waitsFor: readonly EventRef[]; previous: readonly { waitsFor: readonly EventRef[] }[] }[],
): Map<string, EventRef> {
  const events = new Map<string, EventRef>();
  for (const event of sagas.flatMap((saga) => [saga, ...saga.previous]).flatMap((saga) => saga.waitsFor)) {
    const topic = topicOf(event.service, event.name);
    if ((events.get(topic)?.version ?? 0) < event.version) events.set(topic, event);
  }
  return events;
}
