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

/** Calls an operation for a saga. */
export type SagaCall = (invocation: Invocation, from: Initiation & { readonly trace: Trace }, options: EdgeOptions) => Promise<Reply>;

/** What a run works with. */
export interface RunEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly call: SagaCall;
  /** Returns the part of a declared failure's data that people may read. */
  readonly shown: (invocation: Invocation, error: string, data: unknown) => unknown;
  readonly alerts: AlertSink;
  readonly log: EventLog;
  /** Whether every event that was published before the process started has arrived: until then no wait times out. */
  readonly caughtUp: () => Promise<boolean>;
  readonly instrument: Instrument;
  readonly works: ReturnType<typeof sagaWorks>;
  /** Called when a program awaits something other than a step, sleep or wait. */
  readonly onStray?: (saga: SagaRow) => void;
  /** Set only where a program runs over its journal and no further. */
  readonly rehearsal?: Rehearsal;
}

/** Makes the kinds of work by which the runs and steps of sagas are counted. */
export const sagaWorks = () => ({ sagas: new Works('saga', 'service', 'saga'), steps: new Works('step', 'saga', 'step') });

/** Watches a program that receives the recorded outcomes and nothing else. */
export interface Rehearsal {
  /** Called when the program requests a step. @param delivered how many outcomes it had received */
  asked(intent: Intent, delivered: number): void;
  /** Called when the program has received all recorded outcomes, and waits or has returned. */
  over(how: 'waits' | 'returned'): void;
}

/** What is written together with the saga's row. */
interface More {
  /** The intents to store. */
  readonly inserts?: readonly StepRow[];
  readonly entries?: readonly LogEntry[];
  readonly alert?: Alert;
  /** If a cancellation was requested, writes nothing and throws `Cancelled` with the reason. */
  readonly refuseWhenCancelled?: boolean;
  /** Releases the saga for so many milliseconds; undefined keeps it. */
  readonly letGoForMs?: (tx: Tx) => Promise<number | undefined>;
}

/** One write of the journal. */
interface Writing {
  readonly next: SagaRow;
  readonly changed: readonly StepRow[];
  readonly entries: readonly LogEntry[];
  readonly more: More;
  /** Whether the lease is renewed. */
  readonly renews: boolean;
}

/** Intents that were requested in one turn of the event loop, and share a commit. */
interface IntentGroup extends More {
  readonly inserts: StepRow[];
  readonly entries: LogEntry[];
  readonly refuseWhenCancelled: boolean;
  stored: Promise<void>;
}

/**
 * One run of a saga by its owner: the journal in memory, and the only way to write it. Every write is a compare-and-set on
 * (epoch, version); after a refusal the run ends and its memory is discarded. The answer of a call is written with the next
 * intent, in one commit. If the process loses it, a call with the same key returns the same answer.
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
  /** Set when nothing can be written any more, with the reason. */
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

  /** How long this process has owned the saga, in milliseconds. */
  get inHandMs(): number {
    return this.environment.platform.clock.monoNow() - this.#takenMono;
  }

  /** Aborts when the run must end here: the process stops, or another process owns the saga. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether the run waits for its next attempt, and needs only memory. */
  get pausing(): boolean {
    return this.#pausing > 0;
  }

  /** Whether the run has written something: then it has not crashed its process so far. */
  get proved(): boolean {
    return this.saga.version > this.#versionAtFirst;
  }

  /** Whether something is noted and not yet written. */
  get noted(): boolean {
    return this.#changed.size > 0;
  }

  /** Whether the saga was released to sleep. */
  get released(): boolean {
    return this.#released;
  }

  /** Called when an event was kept, perhaps one that the program waits for. */
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

  /** Resolves when every pending write is done or refused. */
  async written(): Promise<void> {
    await this.#tail;
  }

  get #leaseAgeMs(): number {
    return this.environment.platform.clock.monoNow() - this.#confirmedMono;
  }

  /** Notes that the database has renewed the lease. */
  confirmed(): void {
    this.#confirmedMono = this.environment.platform.clock.monoNow();
  }

  /** Notes that a step has changed; it is written with the next save, or soon. */
  note(step: StepRow, entry: LogEntry): void {
    this.#changed.add(step);
    this.#entries.push(entry);
    this.#flushSoon();
  }

  /** Notes the outcome of a step; it is the next one that the program receives. */
  settle(step: StepRow, entry: LogEntry): void {
    this.number(step);
    this.note(step, entry);
  }

  /** Gives the outcome of a step the next number; it is written with the next save. */
  number(step: StepRow): void {
    this.#lastDelivery ??= Math.max(0, ...this.steps.map(({ delivery }) => delivery ?? 0));
    step.delivery = ++this.#lastDelivery;
    this.#changed.add(step);
  }

  /** Called when the program starts to run: notes wait for the intents that it requests, to be written together. */
  gather(): void {
    this.#gathering = true;
  }

  /** Called when the program is idle: it has requested everything that it can. */
  gathered(): void {
    this.#gathering = false;
    if (this.noted) this.#flushSoon();
  }

  /** Writes the notes in the next turn of the event loop, unless an intent or the end of the saga has written them by then. */
  #flushSoon(): void {
    void this.environment.platform.timers.yield().then(() => {
      if (this.noted && !this.#gathering && !this.#stop.signal.aborted) this.save({}).catch((error: unknown) => this.stop(asStop(error)));
    });
  }

  /** Looks for a cancellation request; its reason becomes the saga's. @returns whether there is one */
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
   * Writes all notes, the new state of the saga and new intents, in one commit. After a failed write every further one fails,
   * because it would build on what is not stored.
   */
  save(patch: Partial<Pick<SagaRow, 'state' | 'failure' | 'result' | 'pivoted' | 'attention'>>, more: More = {}): Promise<void> {
    // Later intents are written later.
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

  /** @returns when the saga ended or stopped to wait for an operator; otherwise undefined */
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
   * Stores a step's intent. Intents of one turn of the event loop share a commit: all are stored, or none.
   * @throws RametError Cancelled when a cancellation was requested and `refuseWhenCancelled` gives it precedence
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
   * Writes all notes and releases the saga, unless a cancellation was requested.
   * @param forMs decides within the transaction, while no event can be kept, how long the saga sleeps; undefined keeps it
   * @returns whether the saga was released
   * @throws RametError Cancelled with the reason
   */
  async letGo(forMs: (tx: Tx) => Promise<number | undefined>): Promise<boolean> {
    await this.save({}, { letGoForMs: forMs, refuseWhenCancelled: !this.saga.pivoted });
    return this.#released;
  }

  /**
   * Calls an operation as the owner. It renews the lease first if the lease may have expired, as after a pause of the process.
   * @param step the step of the call; the participant learns how old it is
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
    const from = trace === this.saga.trace ? this.saga : { ...this.saga, trace };
    let reply: Reply | undefined;
    try {
      reply = await this.environment.call(invocation, from, options);
    } finally {
      span.end(reply ? replyOutcome(reply) : 'Internal', reply?.ok ? undefined : reply);
    }
    const after = platform.point('saga.called');
    if (after) await after;
    return reply;
  }

  /** Waits with jitter before the next attempt. @throws the reason of `signal` when it aborts */
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

/** Makes a RametError of anything thrown. */
export const asStop = (error: unknown): RametError =>
  error instanceof RametError ? error : new RametError('Internal', textOf(error), { cause: error });

/** Describes what a program threw, which may be anything. */
export function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return `a ${typeof error} without a description`;
  }
}
