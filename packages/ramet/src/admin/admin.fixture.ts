import type { Store } from '../store/index.ts';

/** Leaves a dead letter in a store, as a subscription with the policy `skip` does. */
export const letterIn = (store: Store, id: string, failedAt: number): Promise<unknown> =>
  store.write((tx) =>
    tx.run(
      `insert into ramet_dead_letters
         (id, subscriber, event_id, event, key, envelope, reason, error, stack_hash, attempts, first_failed_at, last_failed_at, policy)
       values (?, 'trips', ?, 'hotels.RoomBooked', 'a', '{}', 'failed', 'boom', '', 8, 1, ?, 'skip')`,
      id,
      `evt_${id}`,
      failedAt,
    ),
  );
