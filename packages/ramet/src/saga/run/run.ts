import { RametError } from '../../errors/index.ts';
import { backoffMs, LEASE_MS, MINUTE, type Platform } from '../../platform/index.ts';
import { type EdgeOptions, type Reply, replyOutcome } from '../../rpc/index.ts';
import type { Initiation } from '../../security/index.ts';
import { NoRowChanged, type Store, type Tx } from '../../store/index.ts';
import { type EventLog, type Instrument, type Span, type Trace, Works } from '../../telemetry/index.ts';
import { type Alert, type AlertSink, raiseAlert } from '../alerts.ts';
import {
  appendLog,
  type Intent,
  insertStep,
  type LogEntry,
  refusal,
  type SagaRow,
  type StepRow,
  savedAt,
  saveSaga,
  updateStep,
} from '../journal/journal.ts';
import { holdEvents } from '../journal/saga-mailbox.ts';
import type { Invocation } from '../saga.ts';

/** How often the owner of a saga renews its lease. */
export const RENEW_MS = 5_000;

/** Calls an invocation for a saga. */
export type SagaCall = (invocation: Invocation, from: Initiation & { readonly trace: Trace }, options: EdgeOptions) => Promise<Reply>;

export interface RunEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly call: SagaCall;
  /** What people may read of the data of a failure that the operation of an invocation declares. */
  readonly shown: (invocation: Invocation, error: string, data: unknown) => unknown;
  readonly alerts: AlertSink;
  readonly log: EventLog;
  /** Whether the events that had been published when the process started have come in: until then no wait is over for want of one. */
  readonly caughtUp: () => Promise<boolean>;
  readonly instrument: Instrument;
  readonly works: ReturnType<typeof sagaWorks>;
  /** A program has awaited something other than a step, sleep or wait. */
  readonly onStray?: (saga: SagaRow) => void;
  /** Only where a program is run over its journal without going live. */
  readonly rehearsal?: Rehearsal;
}

/** What the runs and steps of sagas are counted by. */
export const sagaWorks = () => ({ sagas: new Works('saga', 'service', 'saga'), steps: new Works('step', 'saga', 'step') });

/** Watches a program that gets what is recorded, and nothing else. */
export interface Rehearsal {
  /** @param delivered how many outcomes it had been given */
  asked(intent: Intent, delivered: number): void;
  /** It has got everything, and waits or has returned. */
  over(how: 'waits' | 'returned'): void;
}

/** What is written beside the saga itself. */
interface More {
  /** Intents to store. */
  readonly inserts?: readonly StepRow[];
  readonly entries?: readonly LogEntry[];
  readonly alert?: Alert;
  /** Throws `Cancelled` with the reason when a cancellation was asked for, and writes nothing. */
  readonly refuseWhenCancelled?: boolean;
  /** Releases the saga for so many milliseconds; undefined when it is to stay. */
  readonly letGoForMs?: (tx: Tx) => Promise<number | undefined>;
}

/** One write, all of it. */
interface Writing {
  readonly next: SagaRow;
  readonly changed: readonly StepRow[];
  readonly entries: readonly LogEntry[];
  readonly more: More;
  /** Whether the lease begins anew. */
  readonly renews: boolean;
}

/** Intents that were asked for in one turn, and share a commit. */
interface IntentGroup extends More {
  readonly inserts: StepRow[];
  readonly entries: LogEntry[];
  readonly refuseWhenCancelled: boolean;
  stored: Promise<void>;
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
  /** From when this process took the saga until it ended or was released. */
  readonly span: Span;
  /** The context of what the saga causes. */
  readonly #trace: Trace;
  readonly #versionAtFirst: number;
  #changed = new Set<StepRow>();
  #entries: LogEntry[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #confirmedMono: number;
  readonly #takenMono: number;
  #stop = new AbortController();
  /** Why nothing can be written any more. */
  #dead: RametError | undefined;
  #pausing = 0;
  #gathering = false;
  #lastDelivery: number | undefined;
  #intents: IntentGroup | undefined;
  #released = false;
  #rouse = () => {};

  constructor(environment: RunEnvironment, saga: SagaRow, steps: StepRow[]) {
    this.environment = environment;
    this.saga = saga;
    this.steps = steps;
    this.span = environment.instrument.begin(environment.works.sagas.of(environment.service, saga.type), saga.trace, saga.id);
    this.#trace = this.span.under(saga.trace);
    this.#versionAtFirst = saga.version;
    this.#takenMono = environment.platform.clock.monoNow();
    this.#confirmedMono = this.#takenMono;
  }

  /** How long the saga has been in this process's hands, in milliseconds. */
  get inHandMs(): number {
    return this.environment.platform.clock.monoNow() - this.#takenMono;
  }

  /** Aborts when the run must not go on here: the process stops, or somebody else owns the saga. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether it waits for its next attempt, and needs nothing meanwhile but memory. */
  get pausing(): boolean {
    return this.#pausing > 0;
  }

  /** Whether it has written something since it was taken: a run that did has ended no process so far. */
  get proved(): boolean {
    return this.saga.version > this.#versionAtFirst;
  }

  /** Whether something is noted that is not written. */
  get noted(): boolean {
    return this.#changed.size > 0;
  }

  /** Whether the saga was released, to sleep. */
  get released(): boolean {
    return this.#released;
  }

  /** An event has come, perhaps one that the program waits for. */
  rouse(): void {
    this.#rouse();
  }

  onRouse(rouse: () => void): void {
    this.#rouse = rouse;
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

  get #leaseAgeMs(): number {
    return this.environment.platform.clock.monoNow() - this.#confirmedMono;
  }

  /** The owner's lease was confirmed by the database. */
  confirmed(): void {
    this.#confirmedMono = this.environment.platform.clock.monoNow();
  }

  /** Notes that a step has changed; written with the next save, or soon. */
  note(step: StepRow, entry: LogEntry): void {
    this.#changed.add(step);
    this.#entries.push(entry);
    this.#flushSoon();
  }

  /** Notes the outcome of a step, which is the next one that its program is given. */
  settle(step: StepRow, entry: LogEntry): void {
    this.number(step);
    this.note(step, entry);
  }

  /** Gives the outcome of a step the next number; written with the next save. */
  number(step: StepRow): void {
    this.#lastDelivery ??= Math.max(0, ...this.steps.map(({ delivery }) => delivery ?? 0));
    step.delivery = ++this.#lastDelivery;
    this.#changed.add(step);
  }

  /** The program runs: what is noted waits for the intents that it comes to, to be written with them. */
  gather(): void {
    this.#gathering = true;
  }

  /** The program rests: what it came to was asked for. */
  gathered(): void {
    this.#gathering = false;
    if (this.noted) this.#flushSoon();
  }

  /** Writes what is noted, unless that is done within a turn: with an intent, or with the end of the saga. */
  #flushSoon(): void {
    void this.environment.platform.timers.yield().then(() => {
      if (this.noted && !this.#gathering && !this.#stop.signal.aborted) this.save({}).catch((error: unknown) => this.stop(asStop(error)));
    });
  }

  /** @returns whether a cancellation was asked for; its reason is the saga's then */
  async cancelled(): Promise<boolean> {
    const { id, epoch } = this.saga;
    const row = await this.environment.store.reader.get<{ cancel_reason: string }>(
      'select cancel_reason from ramet_sagas where id = ? and epoch = ? and cancel_reason is not null',
      id,
      epoch,
    );
    if (row) this.saga.cancelReason = row.cancel_reason;
    return row !== undefined;
  }

  /**
   * Writes everything noted, the new state of the saga, and new intents, in one commit. After a write that failed there is
   * no other: the next one would build on what is not there.
   */
  save(patch: Partial<Pick<SagaRow, 'state' | 'failure' | 'result' | 'pivoted' | 'attention'>>, more: More = {}): Promise<void> {
    // What is asked for after this is written after this.
    this.#intents = undefined;
    const write = async () => {
      if (this.#intents === more) this.#intents = undefined;
      if (this.#dead) throw this.#dead;
      const changed = [...this.#changed];
      const entries = [...this.#entries, ...(more.entries ?? [])];
      const noted = this.#entries.length;
      this.#changed = new Set();
      this.#entries = [];
      const next: SagaRow = { ...this.saga, ...patch };
      const renews = this.#leaseAgeMs > RENEW_MS;
      try {
        const at = await this.#committed({ next, changed, entries, more, renews });
        Object.assign(this.saga, patch, at === undefined ? {} : { updatedAt: at });
      } catch (error) {
        for (const step of changed) this.#changed.add(step);
        this.#entries = [...entries.slice(0, noted), ...this.#entries];
        if (!(error instanceof RametError && error.code === 'Cancelled')) this.#dead = asStop(error);
        throw error;
      }
      this.saga.version++;
      if (renews) this.confirmed();
      const stop = this.environment.platform.point('saga.saved');
      if (stop) await stop;
    };
    const done = this.#tail.then(write, write);
    this.#tail = done.catch(() => {});
    return done;
  }

  /** @returns when, where the saga has come to rest */
  async #committed(writing: Writing): Promise<number | undefined> {
    const { store } = this.environment;
    const { next } = writing;
    try {
      const written = await store.write(
        async (tx) => {
          await this.#write(tx, writing);
          return next.state === 'RUNNING' || next.state === 'COMPENSATING' ? undefined : savedAt(tx, next);
        },
        { name: `saga ${next.type}`, trace: this.#trace },
      );
      return written?.row && Number(written.row.updated_at);
    } catch (error) {
      if (!(error instanceof NoRowChanged)) throw error;
      const why = await refusal(store.reader, this.saga);
      if (why.code === 'Cancelled') this.saga.cancelReason = why.message;
      throw why;
    }
  }

  async #write(tx: Tx, { next, changed, entries, more, renews }: Writing): Promise<void> {
    if (more.letGoForMs) await holdEvents(tx);
    saveSaga(tx, next, { leaseMs: renews ? LEASE_MS : undefined, unlessCancelled: more.refuseWhenCancelled === true });
    for (const step of more.inserts ?? []) insertStep(tx, next.id, step);
    for (const step of changed) updateStep(tx, next.id, step);
    appendLog(tx, next.id, entries);
    if (more.alert) await raiseAlert(tx, this.environment.alerts, more.alert, this.#trace);
    if (!more.letGoForMs) return;
    const forMs = await more.letGoForMs(tx);
    this.#released = forMs !== undefined;
    if (forMs !== undefined)
      tx.defer('update ramet_sagas set owner = null, lease_until = ramet_now() + ? where id = ?', Math.round(forMs), next.id);
  }

  /**
   * Stores a step's intent; those asked for in one turn share a commit, and come to it or not as one.
   * @throws RametError Cancelled when a cancellation was asked for and `refuseWhenCancelled` says that it goes first
   */
  intend(step: StepRow, refuseWhenCancelled: boolean): Promise<void> {
    const entry = { actor: 'engine', step: step.name, became: 'STARTED' };
    if (step.kind === 'pivot') return this.save({ pivoted: true }, { inserts: [step], entries: [entry], refuseWhenCancelled });
    const open = this.#intents;
    if (open?.refuseWhenCancelled === refuseWhenCancelled) {
      open.inserts.push(step);
      open.entries.push(entry);
      return open.stored;
    }
    const group: IntentGroup = { inserts: [step], entries: [entry], refuseWhenCancelled, stored: Promise.resolve() };
    group.stored = this.save({}, group);
    this.#intents = group;
    return group.stored;
  }

  /**
   * Writes everything noted and releases the saga, unless a cancellation was asked for.
   * @param forMs looks within the transaction, while no event is kept, for how long; undefined when the saga is to stay
   * @returns whether it was released
   * @throws RametError Cancelled with the reason
   */
  async letGo(forMs: (tx: Tx) => Promise<number | undefined>): Promise<boolean> {
    await this.save({}, { letGoForMs: forMs, refuseWhenCancelled: !this.saga.pivoted });
    return this.#released;
  }

  /**
   * Calls as the owner: not on a lease that may have run out (a process that slept does not know that it did).
   * @param step whose call it is: the participant learns how old the step is
   */
  async call(invocation: Invocation, given: EdgeOptions, step?: StepRow): Promise<Reply> {
    const ageMs = step === undefined ? 0 : step.ageMs + this.inHandMs;
    const options = ageMs < MINUTE ? given : { ...given, ageMs };
    const { platform, instrument, works } = this.environment;
    const before = platform.point('saga.call');
    if (before) await before;
    if (this.#leaseAgeMs > (LEASE_MS * 2) / 3) await this.save({});
    const span = instrument.begin(
      works.steps.of(this.saga.type, `${invocation.service}.${invocation.operation}`),
      this.#trace,
      given.step?.key,
    );
    const trace = span.under(this.#trace);
    const reply = await this.environment.call(invocation, trace === this.saga.trace ? this.saga : { ...this.saga, trace }, options);
    span.end(replyOutcome(reply), reply.ok ? undefined : reply);
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
