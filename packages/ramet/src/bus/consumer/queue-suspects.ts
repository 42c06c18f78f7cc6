import type { Platform } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import type { QueuedMessage } from '../bus.ts';

/**
 * Counts the starts of events that a queue delivers again. The process may have ended during the first start, which costs nothing
 * and is not written down; each further one is committed before it is made. A message that went back to the queue
 * without a start has a row with no start, so that the broker's count alone accuses no event.
 */
export class QueueSuspects {
  readonly #group: { readonly platform: Platform; readonly store: Store; readonly subscriber: string };
  /** Starts that were counted and then not made, because the store was unavailable: by event, the count. */
  readonly #unspent = new Map<string, number>();
  #last: Promise<void> = Promise.resolve();

  constructor(group: { readonly platform: Platform; readonly store: Store; readonly subscriber: string }) {
    this.#group = group;
  }

  /** Waits until no other suspect of this process runs: an event that ends the process must not accuse others. @returns what ends the turn */
  async turn(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return resolve;
  }

  /** Counts a start before it is made. @returns which start it is */
  async count(eventId: string): Promise<number> {
    const { store, subscriber } = this.#group;
    const unspent = this.#unspent.get(eventId);
    this.#unspent.delete(eventId);
    if (unspent !== undefined) return unspent;
    return store.write(
      async (tx) => {
        const row = await tx.get<{ starts: number }>(
          `insert into ramet_redelivered (subscriber, event_id, starts, at) values (?, ?, 2, ramet_now())
           on conflict (subscriber, event_id) do update set starts = ramet_redelivered.starts + 1, at = ramet_now() returning starts`,
          subscriber,
          eventId,
        );
        return Number(row?.starts);
      },
      { name: `${subscriber} starts again` },
    );
  }

  /** The start was counted and not made. */
  spare(eventId: string, start: number): void {
    this.#unspent.set(eventId, start);
  }

  /** Forgets the starts of an event that was processed. */
  async settled(eventId: string): Promise<void> {
    const { store, subscriber } = this.#group;
    await store.write((tx) => tx.run('delete from ramet_redelivered where subscriber = ? and event_id = ?', subscriber, eventId), {
      name: `${subscriber} settled`,
    });
  }

  /** Notes which messages go back without a start. Of those that were delivered before it is not known whether they were started. */
  async returned(messages: readonly QueuedMessage[]): Promise<void> {
    const { store, subscriber } = this.#group;
    const first = messages.filter(({ deliveries }) => deliveries === 1);
    if (first.length === 0) return;
    await store.write(
      async (tx) => {
        for (const { envelope } of first)
          await tx.run(
            'insert into ramet_redelivered (subscriber, event_id, starts, at) values (?, ?, 0, ramet_now()) on conflict do nothing',
            subscriber,
            envelope.id,
          );
      },
      { name: `${subscriber} returns messages` },
    );
  }
}
