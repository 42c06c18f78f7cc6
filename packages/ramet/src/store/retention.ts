import { DAY, HOUR, MINUTE, Periodic, type Platform } from '../platform/index.ts';
import { raiseMark } from './marks.ts';
import type { Store, Tx } from './store.ts';

/**
 * How long the framework remembers what tells a repetition from something new. The rule of each table, and what becomes of a
 * repetition that comes later, is listed in docs/operations.md.
 */
export const RETENTION = {
  /** The key of a client: what clients are promised. */
  clientKeysMs: 24 * HOUR,
  /** The key of a command that a service has sent: the sender repeats it until it knows the outcome. */
  sentKeysMs: 14 * DAY,
  /** Longer than an event can be on its way: what a broker and the dead letters keep, and slack for clocks. */
  inboxMs: 14 * DAY,
  /** Fences, after the end of their saga: longer than a request of it can still be on its way. */
  endedMs: 30 * DAY,
  /** Fences of a saga whose end was never heard of: its owner may be gone, or it may still come back. */
  unheardMs: 3 * 365 * DAY,
  /** Starts that never ended, of work that was not asked for again: then they are counted from the beginning. */
  startsMs: 30 * DAY,
} as const;

const EVERY_MS = 10 * MINUTE;
/** Rows per transaction: other writers must not wait for a long deletion. */
const CHUNK = 500;

/** Up to which number the events kept for sagas are behind all that are open. */
const FIRST_LISTENED = `coalesce(
  (select min(events_from) from ramet_sagas where state in ('RUNNING', 'DIVERGED') and events_from is not null),
  (select seq from ramet_saga_counter where id = 0))`;

const SETTLED = "state in ('DONE', 'REJECTED', 'CANCELLED', 'UNDONE')";

/** Whether the fence is that of a client's request, which no saga asks for. */
export const isOfRequest = (stepKey: string): boolean => stepKey.startsWith('req:');

type Deleted = Readonly<Record<string, string | number>>;

/**
 * Deletes what no caller can ask for any more, a few hundred rows at once. Outboxes belong to the bus, which knows which services
 * have still to read them, and sagas to their engine, which knows which services they have called.
 */
export function createRetention(store: Store, platform: Platform, onError: (error: unknown) => void): Periodic {
  const prune = async (
    table: string,
    key: string,
    where: string,
    more: { returning?: string; marks?: (tx: Tx, rows: readonly Deleted[]) => void } = {},
  ): Promise<boolean> => {
    const columns = key.replace(/[()]/g, '');
    const deleted = await store.write(
      async (tx) => {
        const rows = await tx.all<Deleted>(
          `delete from ${table} where ${key} in (select ${columns} from ${table} where ${where} limit ${CHUNK}) returning ${more.returning ?? columns}`,
        );
        if (rows.length > 0) more.marks?.(tx, rows);
        return rows.length;
      },
      { name: 'retention' },
    );
    return deleted === CHUNK;
  };
  /** Rows of a version that did not say until when they are kept, and may run beside this one: from now on the longest. */
  const adopt = async (table: string, key: string, keepMs: number): Promise<boolean> => {
    const adopted = await store.write(
      (tx) =>
        tx.run(
          `update ${table} set keep_until = ramet_now() + ${keepMs}
           where ${key} in (select ${key.replace(/[()]/g, '')} from ${table} where keep_until is null limit ${CHUNK})`,
        ),
      { name: 'retention' },
    );
    return adopted === CHUNK;
  };
  const requests = '(operation, principal, key)';
  return new Periodic(
    platform,
    async () => {
      const again = [
        await adopt('ramet_requests', requests, RETENTION.sentKeysMs),
        await adopt('ramet_fences', 'step_key', RETENTION.unheardMs),
        await prune('ramet_requests', requests, 'keep_until < ramet_now()', {
          returning: 'principal, at',
          marks(tx, rows) {
            // As far as the newest that is gone: what was sent while nothing could be done here is not refused.
            const sent = rows.filter(({ principal }) => String(principal).startsWith('service:')).map(({ at }) => Number(at));
            if (sent.length > 0) raiseMark(tx, 'requests', String(Math.max(...sent)));
          },
        }),
        await prune('ramet_inbox', '(subscriber, event_id)', `at < ramet_now() - ${RETENTION.inboxMs}`, {
          marks: (tx) => raiseMark(tx, 'inbox', `ramet_now() - ${RETENTION.inboxMs}`),
        }),
        // One that has settled only now is remembered from now on.
        await prune(
          'ramet_fences',
          'step_key',
          `keep_until < ramet_now() and updated_at < ramet_now() - ${RETENTION.endedMs} and ${SETTLED}`,
          {
            marks(tx, rows) {
              if (rows.some(({ step_key }) => !isOfRequest(String(step_key))))
                raiseMark(tx, 'fences', `ramet_now() - ${RETENTION.unheardMs}`);
            },
          },
        ),
        await prune('ramet_starts', 'key', `at < ramet_now() - ${RETENTION.startsMs}`),
        // Kept for sagas that began before them.
        await prune('ramet_saga_events', 'seq', `seq <= ${FIRST_LISTENED}`),
      ];
      return again.includes(true) ? 0 : EVERY_MS;
    },
    onError,
  );
}
