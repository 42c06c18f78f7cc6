import { DAY, HOUR, MINUTE, Periodic, type Platform } from '../platform/index.ts';
import type { Reader, Store, Tx } from './store.ts';

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

/** Up to which number the events kept for sagas are behind all that are open. */
const FIRST_LISTENED = `coalesce(
  (select min(events_from) from ramet_sagas where state in ('RUNNING', 'DIVERGED') and events_from is not null),
  (select seq from ramet_saga_counter where id = 0))`;

/** The mark of the inbox: whether an event was handled before this moment is not known any more. */
const INBOX_MARK = 'inbox';

/** The moment before which rows of the inbox may have been deleted, by database time; undefined while it is whole. */
export async function inboxLowWater(reader: Pick<Reader, 'get'>): Promise<number | undefined> {
  const row = await reader.get<{ at: number }>('select at from ramet_marks where name = ?', INBOX_MARK);
  return row && Number(row.at);
}

/** Deletes what nobody can ask for any more, little by little. Outboxes are the matter of the bus, which knows who has still to read them. */
export function createRetention(store: Store, platform: Platform, onError: (error: unknown) => void): Periodic {
  const prune = async (table: string, key: string, where: string, after?: (tx: Tx) => Promise<unknown>): Promise<boolean> => {
    const deleted = await store.write(
      async (tx) => {
        const rows = await tx.run(
          `delete from ${table} where ${key} in (select ${key.replace(/[()]/g, '')} from ${table} where ${where} limit ${CHUNK})`,
        );
        if (rows > 0) await after?.(tx);
        return rows;
      },
      { name: 'retention' },
    );
    return deleted === CHUNK;
  };
  const markInbox = (tx: Tx) =>
    tx.run(
      `insert into ramet_marks (name, at) values (?, ramet_now() - ${RETENTION.inboxMs}) on conflict (name) do update set at = excluded.at
       where ramet_marks.at < excluded.at`,
      INBOX_MARK,
    );
  return new Periodic(
    platform,
    async () => {
      const more = [
        await prune('ramet_requests', '(operation, principal, key)', `at < ramet_now() - ${RETENTION.requestsMs}`),
        await prune('ramet_inbox', '(subscriber, event_id)', `at < ramet_now() - ${RETENTION.inboxMs}`, markInbox),
        await prune(
          'ramet_fences',
          'step_key',
          `updated_at < ramet_now() - ${RETENTION.fencesMs} and state in ('DONE', 'REJECTED', 'CANCELLED', 'UNDONE')`,
        ),
        // Kept for sagas that began before them.
        await prune('ramet_saga_events', 'seq', `seq <= ${FIRST_LISTENED}`),
      ];
      return more.includes(true) ? 0 : EVERY_MS;
    },
    onError,
  );
}
