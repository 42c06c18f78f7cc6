import { DAY, HOUR, MINUTE, Periodic, type Platform } from '../platform/index.ts';
import type { Store } from './store.ts';

/** How long the framework remembers what it needs to tell a repetition from something new. */
export const RETENTION = {
  /** A client's idempotency key. */
  requestsMs: 24 * HOUR,
  /** Longer than an event can be on its way: what a broker and the dead letters keep, and slack for clocks. */
  inboxMs: 14 * DAY,
  /** Longer than a forward request can be on its way after its step was undone. */
  fencesMs: 30 * DAY,
} as const;

const EVERY_MS = 10 * MINUTE;
/** Rows per transaction: others who write must not wait for a long deletion. */
const CHUNK = 500;

/** Deletes what nobody can ask for any more, little by little. Outboxes are kept whole: a new subscriber begins at the beginning. */
export function createRetention(store: Store, platform: Platform, onError: (error: unknown) => void): Periodic {
  const prune = async (table: string, key: string, where: string): Promise<boolean> => {
    const deleted = await store.write(
      (tx) =>
        tx.run(`delete from ${table} where ${key} in (select ${key.replace(/[()]/g, '')} from ${table} where ${where} limit ${CHUNK})`),
      { name: 'retention' },
    );
    return deleted === CHUNK;
  };
  return new Periodic(
    platform,
    async () => {
      const more = [
        await prune('ramet_requests', '(operation, principal, key)', `at < ramet_now() - ${RETENTION.requestsMs}`),
        await prune('ramet_inbox', '(subscriber, event_id)', `at < ramet_now() - ${RETENTION.inboxMs}`),
        await prune(
          'ramet_fences',
          'step_key',
          `updated_at < ramet_now() - ${RETENTION.fencesMs} and state in ('DONE', 'REJECTED', 'CANCELLED', 'UNDONE')`,
        ),
      ];
      return more.includes(true) ? 0 : EVERY_MS;
    },
    onError,
  );
}
