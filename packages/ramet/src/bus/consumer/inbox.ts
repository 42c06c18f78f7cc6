import type { Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { Envelope } from '../envelope.ts';

/*
 * A row of `ramet_inbox` means that the subscriber has taken the event over, whatever became of it: handled, parked, being
 * retried, or a dead letter. It is written in the transaction of what became of the event, so that any event may be delivered
 * again at any time.
 */

/** Takes an event over. @returns whether this subscriber sees it for the first time */
export async function takeOver(tx: Tx, subscriber: string, envelope: Envelope): Promise<boolean> {
  return (
    (await tx.run(
      'insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now()) on conflict do nothing',
      subscriber,
      envelope.id,
    )) > 0
  );
}

/** Undoes a {@link takeOver} of the same transaction: the event is still to be handled. */
export async function giveBack(tx: Tx, subscriber: string, envelope: Envelope): Promise<void> {
  await tx.run('delete from ramet_inbox where subscriber = ? and event_id = ?', subscriber, envelope.id);
}

/** Takes several events over. @returns the ids of those that this subscriber sees for the first time */
export async function takeOverAll(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const ids = padded(deliveries.map(({ envelope }) => envelope.id));
  const rows = await tx.all<{ event_id: string }>(
    `insert into ramet_inbox (subscriber, event_id, at) values ${ids.map(() => '(?, ?, ramet_now())').join(', ')}
     on conflict do nothing returning event_id`,
    ...ids.flatMap((id) => [subscriber, id]),
  );
  return new Set(rows.map((row) => row.event_id));
}

/** Repeats the last value, so that few statements of different lengths are prepared. */
export function padded(values: readonly string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return Array.from({ length }, (_, i) => values[Math.min(i, values.length - 1)] as string);
}
