import { RametError } from '../errors/index.ts';
import { backoffMs, type Platform } from '../platform/index.ts';
import type { EdgeOptions, Reply } from '../rpc/index.ts';
import type { Store, Tx } from '../store/index.ts';
import type { Log, Trace } from '../telemetry/index.ts';
import { type Alert, type AlertSink, raiseAlert } from './alerts.ts';
import { appendLog, insertStep, type LogEntry, type SagaRow, type StepRow, saveSaga, updateStep } from './journal.ts';
import type { Invocation, Saga } from './saga.ts';

/** How long a saga belongs to its owner without a sign of life, and how often the owner gives one. */
export const LEASE_MS = 15_000;
export const RENEW_MS = 5_000;

/** Calls an invocation for a saga. */
export type Caller = (invocation: Invocation, from: { initiator: string; trace: Trace }, options: EdgeOptions) => Promise<Reply>;

export interface RunEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly call: Caller;
  readonly alerts: AlertSink;
  readonly log: Log;
  readonly program: (type: string, version: number) => Saga | undefined;
  /** Invocation builders of a saga's `uses`. */
  readonly invocations: (saga: Saga) => Record<string, Record<string, (input: unknown) => Invocation>>;
  readonly onStep?: (saga: string, operation: string, outcome: string, ms: number) => void;
}

/**
 * One saga in the hands of its owner: its journal in memory, and the only way to write it. Every write is a compare-and-set
 * on (epoch, version); whoever is refused drops everything it knows. What a call answered is written with the next intent,
 * in one commit: were it lost with the process, the same key would bring the same answer.
 */
export class Run {
  readonly environment: RunEnvironment;
  readonly saga: SagaRow;
  readonly steps: StepRow[];
  #changed = new Set<StepRow>();
  #entries: LogEntry[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #confirmedMono: number;
  #stop = new AbortController();
  /** Why nothing can be written any more. */
  #dead: RametError | undefined;
  #pausing = 0;

  constructor(environment: RunEnvironment, saga: SagaRow, steps: StepRow[]) {
    this.environment = environment;
    this.saga = saga;
    this.steps = steps;
    this.#confirmedMono = environment.platform.clock.monoNow();
  }

  /** Aborts when the run must not go on here: the process stops, or somebody else owns the saga. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether it waits for its next attempt, and needs nothing meanwhile but memory. */
  get pausing(): boolean {
    return this.#pausing > 0;
  }

  /** Whether something is noted that is not written. */
  get noted(): boolean {
    return this.#changed.size > 0;
  }

  /** Ends the run at its next step. */
  stop(reason: RametError): void {
    if (reason.code === 'StaleOwner') this.#dead ??= reason;
    this.#stop.abort(reason);
  }

  /** Resolves when every write that was asked for is done or refused. */
  async written(): Promise<void> {
    await this.#tail;
  }

  /** The owner's lease was confirmed by the database. */
  confirmed(): void {
    this.#confirmedMono = this.environment.platform.clock.monoNow();
  }

  /** Notes that a step has changed; written with the next save, or soon. */
  note(step: StepRow, entry: LogEntry): void {
    this.#changed.add(step);
    this.#entries.push(entry);
    const { timers } = this.environment.platform;
    void timers
      .yield()
      .then(() => (this.noted && !this.#stop.signal.aborted ? this.save({}) : undefined))
      .catch((error: unknown) => this.stop(asStop(error)));
  }

  /**
   * Writes everything noted, the new state of the saga, and new intents, in one commit. After a write that failed there is
   * no other: the next one would build on what is not there.
   * @param inserts intents to store
   * @param refuseWhenCancelled throws `Cancelled` with the reason when a cancellation was asked for, and writes no intent
   */
  save(
    patch: Partial<Pick<SagaRow, 'state' | 'failure' | 'result' | 'pivoted' | 'attention'>>,
    more: { inserts?: readonly StepRow[]; entries?: readonly LogEntry[]; alert?: Alert; refuseWhenCancelled?: boolean } = {},
  ): Promise<void> {
    const write = async () => {
      if (this.#dead) throw this.#dead;
      const changed = [...this.#changed];
      const entries = [...this.#entries, ...(more.entries ?? [])];
      const noted = this.#entries.length;
      this.#changed = new Set();
      this.#entries = [];
      const next: SagaRow = { ...this.saga, ...patch };
      try {
        await this.environment.store.write((tx) => this.#write(tx, next, changed, entries, more), { name: `saga ${next.type}` });
      } catch (error) {
        for (const step of changed) this.#changed.add(step);
        this.#entries = [...entries.slice(0, noted), ...this.#entries];
        if (!(error instanceof RametError && error.code === 'Cancelled')) this.#dead = asStop(error);
        throw error;
      }
      Object.assign(this.saga, patch);
      this.saga.version++;
      this.confirmed();
      const stop = this.environment.platform.point('saga.saved');
      if (stop) await stop;
    };
    const done = this.#tail.then(write, write);
    this.#tail = done.catch(() => {});
    return done;
  }

  async #write(
    tx: Tx,
    next: SagaRow,
    changed: readonly StepRow[],
    entries: readonly LogEntry[],
    more: { inserts?: readonly StepRow[]; alert?: Alert; refuseWhenCancelled?: boolean },
  ): Promise<void> {
    const cancelReason = await saveSaga(tx, next, LEASE_MS);
    if (cancelReason !== undefined && more.refuseWhenCancelled) {
      this.saga.cancelReason = cancelReason;
      throw new RametError('Cancelled', cancelReason);
    }
    for (const step of more.inserts ?? []) await insertStep(tx, next.id, step);
    for (const step of changed) await updateStep(tx, next.id, step);
    await appendLog(tx, next.id, entries);
    if (more.alert) await raiseAlert(tx, this.environment.alerts, more.alert, next.trace);
  }

  /** Calls as the owner: not on a lease that may have run out (a process that slept does not know that it did). */
  async call(invocation: Invocation, options: EdgeOptions): Promise<Reply> {
    const { platform } = this.environment;
    const before = platform.point('saga.call');
    if (before) await before;
    if (platform.clock.monoNow() - this.#confirmedMono > (LEASE_MS * 2) / 3) await this.save({});
    const startedMono = platform.clock.monoNow();
    const reply = await this.environment.call(invocation, this.saga, options);
    this.environment.onStep?.(
      this.saga.type,
      `${invocation.service}.${invocation.operation}`,
      reply.ok ? 'ok' : reply.kind === 'declared' ? reply.error : reply.code,
      platform.clock.monoNow() - startedMono,
    );
    const after = platform.point('saga.called');
    if (after) await after;
    return reply;
  }

  /** Waits with jitter before the next attempt. @throws the reason when `signal` says that there is none */
  async pause(attempt: number, atLeastMs: number, signal: AbortSignal = this.stopped): Promise<void> {
    const waitMs = Math.max(atLeastMs, backoffMs(this.environment.platform, { baseMs: 200, capMs: 10_000 }, attempt));
    this.#pausing++;
    try {
      await this.environment.platform.timers.sleep(waitMs, signal);
    } finally {
      this.#pausing--;
    }
  }
}

export const asStop = (error: unknown): RametError =>
  error instanceof RametError ? error : new RametError('Internal', textOf(error), { cause: error });

/** What was thrown, in words; programs may throw anything, also what has none. */
export function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return `a ${typeof error} that says nothing of itself`;
  }
}
