import { type Envelope, topicOf } from '../../bus/index.ts';
import type { EventRef } from '../../contract/index.ts';
import { SECOND } from '../../platform/index.ts';
import type { Reader, Tx } from '../../store/index.ts';

/*
 * A service keeps the events that its sagas may wait for, as long as a saga is open that may. Each gets the next number of one
 * counter, which is raised first in its transaction and so goes by the order of commits. A saga notes the counter when it starts
 * and sees what is behind it, whenever it asks. Whoever gives a saga out of hands locks the counter as well, looks, and only
 * then lets go: an event comes either before, and is seen, or after, and finds the saga asleep.
 */

/** Older than this at the saga's start, by the clock of its source, an event is history that has arrived late. */
const CLOCKS_DIFFER_MS = 60 * SECOND;

/** Keeps an event within the transaction that takes it over. @returns whether sagas were asleep for it and can be claimed now */
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

/** How a sleep or a wait stands. */
export interface WaitState {
  readonly idx: number;
  /** Until its time is over, in milliseconds of database time; not above 0 when it is. */
  readonly remainingMs: number;
  /** The event that has come. */
  readonly event: { readonly id: string; readonly seq: number; readonly data: unknown } | undefined;
}

/** The open sleeps and waits of a saga, in the order of their intents. */
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

/** From here to the end of the transaction no event is kept. */
export async function holdEvents(tx: Tx): Promise<void> {
  await tx.run('update ramet_saga_counter set seq = seq where id = 0');
}

/** The events that the sagas of a service wait for, by topic. A topic of several versions is taken in its newest. */
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
