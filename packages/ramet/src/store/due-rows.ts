import { LAST_DATE_MS } from '../platform/index.ts';
import type { CrashCount } from './crash-count.ts';
import { type Newest, newestFirst } from './newest.ts';
import type { Reader, Store, Tx } from './store.ts';

/** Work that must happen at or after a moment, even if the process restarts: it is a row. */
export interface DueWork {
  /** Scheduling the same id again has no effect. */
  readonly id: string;
  readonly kind: string;
  /** Work of one lane does not occupy the places of another: there is one lane for each target (default: the kind). */
  readonly lane?: string;
  readonly afterMs: number;
  readonly payload: unknown;
}

/** Schedules work in a transaction. */
export function schedule(tx: Tx, work: DueWork): void {
  tx.defer(
    'insert into ramet_timers (id, kind, lane, due_at, payload) values (?, ?, ?, ramet_now() + ?, ?) on conflict do nothing',
    work.id,
    work.kind,
    work.lane ?? work.kind,
    Math.round(work.afterMs),
    JSON.stringify(work.payload ?? null),
  );
}

/** Due work as its worker reads it. */
export interface DueRow {
  readonly id: string;
  readonly kind: string;
  readonly lane: string;
  readonly payload: string;
  readonly attempts: number;
  /** How often in a row the process ended while this was under way. */
  readonly crashes: number;
  /** Set from the beginning of an attempt to its end. If an attempt never ended, it stays set. */
  readonly lease_until: number;
  /** Milliseconds until it is due. */
  readonly wait: number;
  /** Milliseconds since its first attempt began; null before it. */
  readonly age: number | null;
}

/** Due work that was given up and waits for an operator. */
export interface GivenUpWork {
  readonly service: string;
  readonly id: string;
  readonly kind: string;
  /** The target: the operation of a sent command. */
  readonly lane: string;
  readonly attempts: number;
  readonly error: string;
  readonly givenUpAt: string;
}

/** The moment of work that will never be due. */
export const NOT_DUE = LAST_DATE_MS + 1;

const COLUMNS = 'id, kind, lane, payload, attempts, crashes, lease_until, due_at - ramet_now() as wait, ramet_now() - begun_at as age';

/** The work that shares places: of one kind, for one target. */
export type Lane = Pick<DueRow, 'kind' | 'lane'>;

/**
 * Reads what is due next of one kind, the earliest first.
 * @param shared whether replicas share the store: then a lease says which process works on a row
 * @param lane reads this lane only
 */
export function dueRows(reader: Reader, kind: string, shared: boolean, limit: number, lane?: string): Promise<DueRow[]> {
  return reader.all<DueRow>(
    `select ${COLUMNS} from ramet_timers where kind = ? ${lane === undefined ? '' : 'and lane = ?'} ${shared ? 'and lease_until <= ramet_now()' : ''}
     order by due_at, id limit ?`,
    kind,
    ...(lane === undefined ? [] : [lane]),
    limit,
  );
}

/** Lists the lanes of a kind that have work, by one look at the index for each. */
export async function dueLanes(reader: Reader, kind: string): Promise<string[]> {
  const rows = await reader.all<{ lane: string }>(
    `with recursive lanes (lane) as (
       select min(lane) from ramet_timers where kind = ?
       union all
       select (select min(t.lane) from ramet_timers t where t.kind = ? and t.lane > lanes.lane) from lanes where lanes.lane is not null
     ) select lane from lanes where lane is not null`,
    kind,
    kind,
  );
  return rows.map(({ lane }) => lane);
}

/** Counts an attempt before it is made. @returns whether this process may make it */
export async function beginDue(store: Store, { id, attempts }: DueRow, leaseMs: number): Promise<boolean> {
  const mine = await store.write((tx) =>
    tx.run(
      'update ramet_timers set attempts = ?, begun_at = coalesce(begun_at, ramet_now()), lease_until = ramet_now() + ? where id = ? and attempts = ?',
      Number(attempts) + 1,
      leaseMs,
      id,
      Number(attempts),
    ),
  );
  return mine > 0;
}

/** Records that an attempt has failed. If another process has begun the work since, that process decides. */
export function postponeDue(store: Store, id: string, attempt: number, inMs: number, error: string): Promise<number> {
  return store.write((tx) =>
    tx.run(
      'update ramet_timers set due_at = ramet_now() + ?, lease_until = 0, crashes = 0, last_error = ? where id = ? and attempts = ?',
      Math.round(inMs),
      error,
      id,
      attempt,
    ),
  );
}

/**
 * Records that the process ended during the last attempt. Work that is given up is not attempted again until an operator retries it.
 * @param onGivingUp called in the transaction that gives the work up
 */
export function noteCrash(
  store: Store,
  row: DueRow,
  { crashes, givenUp, waitMs }: CrashCount,
  error: string,
  onGivingUp: (tx: Tx) => void,
): Promise<number> {
  return store.write(async (tx) => {
    const mine = await tx.run(
      `update ramet_timers set crashes = ?, lease_until = 0, last_error = ?, due_at = ${givenUp ? '?' : 'ramet_now() + ?'},
         given_up_at = ${givenUp ? 'ramet_now()' : 'null'} where id = ? and attempts = ? and lease_until = ?`,
      crashes,
      error,
      givenUp ? NOT_DUE : Math.round(waitMs),
      row.id,
      Number(row.attempts),
      Number(row.lease_until),
    );
    if (mine > 0 && givenUp) onGivingUp(tx);
    return mine;
  });
}

/**
 * Records that no further attempt is made, because none can succeed.
 * @param onGivingUp called in the transaction that gives the work up
 */
export function giveUpDue(store: Store, id: string, attempt: number, error: string, onGivingUp: (tx: Tx) => void): Promise<number> {
  return store.write(async (tx) => {
    const mine = await tx.run(
      'update ramet_timers set due_at = ?, lease_until = 0, last_error = ?, given_up_at = ramet_now() where id = ? and attempts = ?',
      NOT_DUE,
      error,
      id,
      attempt,
    );
    if (mine > 0) onGivingUp(tx);
    return mine;
  });
}

/** Reads a page of the work that a store has given up, newest first. */
export async function listGivenUp(store: Store, page: Newest = { limit: 100 }): Promise<GivenUpWork[]> {
  const { sql, params } = newestFirst('given_up_at', page, ['given_up_at is not null']);
  const rows = await store.reader.all<Record<string, string | number>>(
    `select id, kind, lane, attempts, last_error, given_up_at from ramet_timers ${sql}`,
    ...params,
  );
  return rows.map((row) => ({
    service: store.service,
    id: String(row['id']),
    kind: String(row['kind']),
    lane: String(row['lane']),
    attempts: Number(row['attempts']),
    error: String(row['last_error']),
    givenUpAt: new Date(Number(row['given_up_at'])).toISOString(),
  }));
}

/** Makes work that was given up due again, as if it were new. @returns whether there was such work */
export async function retryGivenUp(store: Store, id: string): Promise<boolean> {
  const found = await store.write((tx) =>
    tx.run(
      'update ramet_timers set given_up_at = null, begun_at = null, crashes = 0, lease_until = 0, due_at = ramet_now() where id = ? and given_up_at is not null',
      id,
    ),
  );
  return found > 0;
}
