import { ATTEMPT_LEASE_MS, type Backoff, isoOf, MINUTE, Periodic, type Platform, SECOND, steadyBackoffMs } from '../../platform/index.ts';
import { countCrash, EndedAttempts, NOT_DUE, type Store, type Tx } from '../../store/index.ts';
import { type Instrument, newTrace, type Trace, Works } from '../../telemetry/index.ts';
import type { CompiledTiming } from './timing.ts';

/** A schedule as the worker takes it: its timing, and what a run does in its transaction. */
export interface HostedSchedule {
  readonly name: string;
  readonly timing: CompiledTiming;
  /** @param due the moment that the run is for; it takes place then or later */
  readonly run: (tx: Tx, due: Date, trace: Trace) => Promise<void>;
}

/** A schedule as operators read it. */
export interface ScheduleState {
  readonly service: string;
  readonly name: string;
  readonly timing: string;
  /** When it is due next; in the past while a failed run is retried. */
  readonly dueAt: string;
  readonly lastDueAt?: string;
  readonly lastRunAt?: string;
  /** How often the due run was attempted, and the last error. */
  readonly attempts: number;
  readonly lastError?: string;
  /** When it was given up because its process crashed each time; it waits for an operator. */
  readonly givenUpAt?: string;
}

interface ScheduleRow {
  readonly name: string;
  readonly spec: string;
  readonly due_at: number;
  readonly attempts: number;
  readonly epoch: number;
  /** How often in a row the process crashed during a run. */
  readonly crashes: number;
  /** Set from the start of a run to its end; it remains if the process crashes. */
  readonly lease_until: number;
  readonly wait: number;
}

/** How soon a clock that was set forward, and runs of other replicas, are noticed. */
const POLL_MS = 10 * SECOND;
const BACKOFF: Backoff = { baseMs: SECOND, capMs: 5 * MINUTE };

interface ScheduleWorkerOptions {
  readonly platform: Platform;
  readonly store: Store;
  /** Unique to this start of the process. */
  readonly owner: string;
  readonly schedules: readonly HostedSchedule[];
  readonly onError: (error: unknown, run?: { readonly schedule: string; readonly attempt: number }) => void;
  readonly instrument: Instrument;
  /** Called in the transaction that gives a schedule up. */
  readonly onGivingUp?: (tx: Tx, schedule: string, why: string) => void;
  /** Called when a schedule is given up after so many starts. */
  readonly onGivenUp?: (schedule: string, starts: number) => void;
}

const CRASHED = 'the process crashed during this run';

/**
 * Runs schedules when they are due, by the clock of the database. The row of a schedule names the next occurrence. A run moves it
 * in its own transaction, so each occurrence takes effect once, however many processes attempt it. One run stands for all
 * occurrences that were missed while no process ran. A run that fails is retried with growing pauses until it succeeds. After
 * eight runs during which the process crashed, the schedule waits for an operator, or for a new timing.
 */
export class ScheduleWorker {
  readonly #options: ScheduleWorkerOptions;
  readonly #byName: ReadonlyMap<string, HostedSchedule>;
  readonly #loop: Periodic;
  readonly #works = new Works('schedule', 'service', 'schedule');
  /** By schedule; an attempt has the epoch of its run. */
  readonly #attempts = new EndedAttempts();
  #known = false;

  constructor(options: ScheduleWorkerOptions) {
    this.#options = options;
    this.#byName = new Map(options.schedules.map((schedule) => [schedule.name, schedule]));
    this.#loop = new Periodic(options.platform, () => this.#round(), options.onError);
  }

  start(): void {
    if (this.#byName.size > 0) this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Starts no further run, and resolves when the current run has ended. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    if (!this.#known) await this.#introduce();
    this.#known = true;
    // A single process continues its predecessor's work at once; in a shared store, a lease says which process has a run.
    const free = this.#options.store.capabilities.shared ? 'and lease_until <= ramet_now()' : '';
    const rows = await this.#options.store.reader.all<ScheduleRow>(
      `select name, spec, due_at, attempts, epoch, crashes, lease_until, next_at - ramet_now() as wait from ramet_schedules
       where given_up_at is null ${free} order by next_at, name`,
    );
    let waitMs = POLL_MS;
    for (const row of rows) {
      const schedule = this.#byName.get(row.name);
      // A schedule that this version does not have, or has with another timing, belongs to another version that runs beside it.
      if (!schedule || schedule.timing.spec !== row.spec) continue;
      if (Number(row.wait) > 0) waitMs = Math.min(waitMs, Number(row.wait));
      else {
        await (this.#isUnended(row) ? this.#crashed(row) : this.#run(schedule, row));
        waitMs = 0;
      }
    }
    return waitMs === 0 ? 0 : Math.max(1, waitMs);
  }

  /** Writes when each schedule is due first; a schedule with a changed timing starts again. */
  async #introduce(): Promise<void> {
    const { store, schedules } = this.#options;
    await store.write(
      async (tx) => {
        const nowMs = await databaseNowMs(tx);
        for (const { name, timing } of schedules) {
          const dueMs = timing.next(nowMs, nowMs);
          await tx.run(
            `insert into ramet_schedules (name, spec, due_at, next_at) values (?, ?, ?, ?)
             on conflict (name) do update set spec = excluded.spec, due_at = excluded.due_at, next_at = excluded.next_at, attempts = 0, last_error = null,
               crashes = 0, given_up_at = null
             where ramet_schedules.spec <> excluded.spec`,
            name,
            timing.spec,
            dueMs,
            dueMs,
          );
        }
      },
      { name: 'schedules' },
    );
  }

  async #run(schedule: HostedSchedule, row: ScheduleRow): Promise<void> {
    const { store, platform, onError, instrument } = this.#options;
    const attempt = Number(row.attempts) + 1;
    if (!(await this.#begin(row, attempt))) return;
    const stop = platform.point('schedule.begun');
    if (stop) await stop;
    const causationId = `${store.service}:${row.name}:${new Date(Number(row.due_at)).toISOString()}`;
    const trace = { ...newTrace(platform), causationId };
    const span = instrument.begin(this.#works.of(store.service, row.name), trace, causationId);
    const within = span.under(trace);
    try {
      const name = `${store.service} schedule ${row.name}`;
      const done = await store.write(async (tx) => this.#occur(tx, schedule, row, within), { name, trace: within });
      span.end(done ? 'done' : 'elsewhere');
    } catch (error) {
      this.#attempts.ended(row.name, Number(row.epoch) + 1);
      span.end('failed', error);
      onError(error, { schedule: row.name, attempt });
      await this.#postpone(row, attempt, error);
    }
  }

  /** Counts an attempt before it is made. @returns false if another process makes it */
  async #begin(row: ScheduleRow, attempt: number): Promise<boolean> {
    const mine = await this.#options.store.write((tx) =>
      tx.run(
        'update ramet_schedules set attempts = ?, epoch = epoch + 1, owner = ?, lease_until = ramet_now() + ? where name = ? and epoch = ?',
        attempt,
        this.#options.owner,
        ATTEMPT_LEASE_MS,
        row.name,
        Number(row.epoch),
      ),
    );
    return mine > 0;
  }

  /** Runs the handler and moves to the next occurrence: both or neither. @returns false if another process has begun the same occurrence */
  async #occur(tx: Tx, { timing, run }: HostedSchedule, row: ScheduleRow, trace: Trace): Promise<boolean> {
    const nowMs = await databaseNowMs(tx);
    const dueMs = Number(row.due_at);
    const nextMs = timing.next(dueMs, nowMs);
    const mine = await tx.run(
      `update ramet_schedules set due_at = ?, next_at = ?, last_due_at = due_at, last_run_at = ramet_now(), attempts = 0, last_error = null,
         crashes = 0, lease_until = 0 where name = ? and due_at = ? and epoch = ?`,
      nextMs,
      nextMs,
      row.name,
      dueMs,
      Number(row.epoch) + 1,
    );
    if (mine > 0) await run(tx, new Date(dueMs), trace);
    return mine > 0;
  }

  /** Whether a run began and never ended, because its process crashed. */
  #isUnended({ name, epoch, lease_until }: ScheduleRow): boolean {
    return this.#attempts.isCrash(name, Number(epoch), Number(lease_until));
  }

  async #crashed(row: ScheduleRow): Promise<void> {
    const { store, onGivingUp, onGivenUp } = this.#options;
    const { crashes, givenUp, waitMs } = countCrash(Number(row.crashes));
    const mine = await store.write(async (tx) => {
      const noted = await tx.run(
        `update ramet_schedules set crashes = ?, lease_until = 0, last_error = ?, next_at = ${givenUp ? '?' : 'ramet_now() + ?'},
           given_up_at = ${givenUp ? 'ramet_now()' : 'null'} where name = ? and epoch = ? and lease_until = ?`,
        crashes,
        CRASHED,
        givenUp ? NOT_DUE : waitMs,
        row.name,
        Number(row.epoch),
        Number(row.lease_until),
      );
      if (noted > 0 && givenUp) onGivingUp?.(tx, row.name, CRASHED);
      return noted;
    });
    if (mine > 0 && givenUp) onGivenUp?.(row.name, crashes);
  }

  async #postpone(row: ScheduleRow, attempt: number, error: unknown): Promise<void> {
    const { store, platform } = this.#options;
    await store.write((tx) =>
      tx.run(
        'update ramet_schedules set next_at = ramet_now() + ?, crashes = 0, lease_until = 0, last_error = ? where name = ? and epoch = ?',
        Math.round(steadyBackoffMs(platform, BACKOFF, attempt)),
        String(error).slice(0, 500),
        row.name,
        Number(row.epoch) + 1,
      ),
    );
  }
}

/** Lists the schedules of a store, by name. */
export async function listSchedules(store: Store): Promise<ScheduleState[]> {
  const rows = await store.reader.all<Record<string, string | number | null>>('select * from ramet_schedules order by name');
  const moment = (ms: unknown) => isoOf(Number(ms));
  return rows.map((row) => ({
    service: store.service,
    name: String(row['name']),
    timing: String(row['spec']),
    dueAt: moment(row['due_at']),
    ...(row['last_due_at'] === null ? {} : { lastDueAt: moment(row['last_due_at']), lastRunAt: moment(row['last_run_at']) }),
    attempts: Number(row['attempts']),
    ...(row['last_error'] === null ? {} : { lastError: String(row['last_error']) }),
    ...(row['given_up_at'] === null ? {} : { givenUpAt: moment(row['given_up_at']) }),
  }));
}

/** Makes a schedule that was given up due again, with a new count of crashes. @returns whether there was one */
export async function retrySchedule(store: Store, name: string): Promise<boolean> {
  const found = await store.write((tx) =>
    tx.run(
      'update ramet_schedules set given_up_at = null, crashes = 0, lease_until = 0, next_at = ramet_now() where name = ? and given_up_at is not null',
      name,
    ),
  );
  return found > 0;
}

const databaseNowMs = async (tx: Tx): Promise<number> => Number((await tx.get<{ now: number }>('select ramet_now() as now'))?.now);
