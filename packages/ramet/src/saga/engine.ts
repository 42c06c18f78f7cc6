import { DeclaredError, RametError } from '../errors/index.ts';
import { Periodic, type Platform } from '../platform/index.ts';
import type { Outbound, TransportRoutes } from '../rpc/index.ts';
import { isGivenUp, type Store, Suspects } from '../store/index.ts';
import { type EventLog, type Instrument, SAGA_RELEASED } from '../telemetry/index.ts';
import type { AlertSink } from './alerts.ts';
import { loadSteps, type RawRow, sagaOf, unnumbered } from './journal/journal.ts';
import { claim, claimable, giveBack, nextWakeMs, renew, suspects } from './journal/leases.ts';
import { Calls } from './program/calls.ts';
import { runProgram } from './program/program.ts';
import { compensate } from './run/compensation.ts';
import { asStop, RENEW_MS, Run, type RunEnvironment, sagaWorks, textOf } from './run/run.ts';
import { endWaits } from './run/waits.ts';
import type { Saga } from './saga.ts';

/** What an engine works with. */
export interface SagaEngineOptions {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly sagas: readonly Saga[];
  readonly transport: TransportRoutes;
  /** What all edges of the service share. */
  readonly outbound: Outbound;
  readonly alerts: AlertSink;
  readonly log: EventLog;
  /** Unique to this start of the process: the owner of its sagas. */
  readonly owner: string;
  readonly instrument: Instrument;
  /** Whether the mailbox has every event that was published before the process started. */
  readonly caughtUp: RunEnvironment['caughtUp'];
}

/** Sagas of one service that run at once; others wait. */
const RUNS_MAX = 256;
/** Sagas that this process holds at most. Those that only wait for their next attempt do not count as running. */
const HELD_MAX = 4_096;
/** How long a saga rests after it was released with an error, so that it does not fail again at once. */
const REST_MS = 1_000;
/** How many sagas without an owner are claimed at once: after a downtime there may be thousands. */
const CLAIM_MAX = 32;
const SCAN_MS = 1_000;
/** After this time of one suspect, the next one is claimed. */
const EXPOSED_MS = 1_000;
/** A suspect that has run for so long without a crash is cleared. */
const CLEARED_MS = 15_000;
/** How soon the engine looks at the next suspect. */
const SUSPECT_LOOK_MS = 50;

/**
 * Runs the sagas of one service. A saga that its own command starts runs at once, and this process owns it from the start. A
 * saga whose owner is gone is found by its lease. All state is in the journal: the process may be killed anywhere.
 */
export class SagaEngine {
  readonly #options: SagaEngineOptions;
  readonly #programs = new Map<string, Saga>();
  readonly #calls: Calls;
  readonly #runs = new Map<string, Run>();
  /** Programs that were reported in the log for awaiting something other than a step, sleep or wait. */
  readonly #strays = new Set<string>();
  /** Sagas that rest after an error. */
  readonly #resting = new Set<string>();
  readonly #finished = new Set<Promise<void>>();
  readonly #environment: RunEnvironment;
  readonly #claiming: Periodic;
  readonly #renewing: Periodic;
  readonly #suspects: Suspects;
  /** The suspect that was claimed last. */
  #exposed: { readonly run: Run; readonly sinceMono: number } | undefined;
  #stopping = false;
  /** Whether open sagas of other owners are adopted: in a store of one process, only an earlier process can have left them. */
  #adoptAll: boolean;

  constructor(options: SagaEngineOptions) {
    this.#options = options;
    this.#suspects = new Suspects(options.platform);
    for (const current of options.sagas)
      for (const saga of [current, ...current.previous]) this.#programs.set(programId(saga.name, saga.version), saga);
    this.#adoptAll = !options.store.capabilities.shared;
    const { transport, outbound, service } = options;
    this.#calls = new Calls({ transport, outbound, service, programs: this.#programs });
    this.#environment = {
      platform: options.platform,
      store: options.store,
      service: options.service,
      alerts: options.alerts,
      log: options.log,
      call: (invocation, from, call) => this.#calls.call(invocation, from, call),
      shown: (invocation, error, data) => this.#calls.shown(invocation, error, data),
      caughtUp: options.caughtUp,
      onStray: (saga) => this.#stray(saga),
      instrument: options.instrument,
      works: sagaWorks(),
    };
    const onError = (error: unknown) => options.log.event('sagas_unavailable', { err: error, service: options.service });
    this.#claiming = new Periodic(options.platform, () => this.#claim(), onError);
    this.#renewing = new Periodic(options.platform, () => this.#renew(), onError);
  }

  get owner(): string {
    return this.#options.owner;
  }

  get running(): number {
    return this.#runs.size;
  }

  /** How many more sagas this process may claim. */
  get #free(): number {
    let pausing = 0;
    for (const run of this.#runs.values()) if (run.pausing) pausing++;
    return Math.min(RUNS_MAX + pausing, HELD_MAX) - this.#runs.size;
  }

  /** Returns the programs that open sagas need and this deployment does not have: these sagas will wait for an operator. */
  async missingPrograms(): Promise<{ saga: string; version: number; open: number }[]> {
    // The first condition selects the indexes of open sagas.
    const rows = await this.#options.store.reader.all<{ type: string; program_version: number; open: number }>(
      `select type, program_version, count(*) as open from ramet_sagas
       where state in ('RUNNING', 'COMPENSATING') and state = 'RUNNING' group by type, program_version`,
    );
    return rows
      .filter((row) => !this.#programs.has(programId(row.type, Number(row.program_version))))
      .map((row) => ({ saga: row.type, version: Number(row.program_version), open: Number(row.open) }));
  }

  start(): void {
    this.#claiming.start();
    this.#renewing.start();
  }

  /** Runs a saga whose start a command of this process has committed. */
  started(row: RawRow): void {
    if (this.#stopping || this.#free <= 0) this.#claiming.wake();
    else this.#launch(sagaOf(row), true);
  }

  /** Looks for sagas now: an operator or a cancellation has changed one. */
  poke(): void {
    this.#claiming.wake();
  }

  /** Wakes the waits of running programs: an event was kept. */
  rouse(): void {
    for (const run of this.#runs.values()) run.rouse();
  }

  /** Stops claiming sagas, waits until each running saga has ended its current step, and gives the leases back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#claiming.stop();
    for (const run of this.#runs.values()) run.stop(new RametError('ShuttingDown'));
    await Promise.all(this.#finished);
    await this.#renewing.stop();
    await this.release();
  }

  /** Gives back the sagas that commands have started since the engine stopped, so that the next owner need not wait for their leases. */
  async release(): Promise<void> {
    await giveBack(this.#options.store, this.#options.owner).catch(() => {});
  }

  /** Claims sagas without an owner. @returns in how many milliseconds to look again */
  async #claim(): Promise<number> {
    const free = this.#free;
    if (free <= 0) return SCAN_MS;
    const { store, owner } = this.#options;
    // Sagas of this owner that do not run were released while the store was unavailable, or wait for their turn.
    const limit = this.#runs.size + this.#resting.size + Math.min(free, CLAIM_MAX);
    const fresh = (await claimable(store, owner, this.#adoptAll, limit))
      .filter((id) => !this.#runs.has(id) && !this.#resting.has(id))
      .slice(0, Math.min(free, CLAIM_MAX));
    const { next, waiting } = await this.#nextSuspect(limit);
    if (next) fresh.push(next);
    if (fresh.length === 0) {
      this.#adoptAll = false;
      return Math.max(1, Math.min(waiting ? SUSPECT_LOOK_MS : SCAN_MS, (await nextWakeMs(store)) ?? SCAN_MS));
    }
    // Claimed together, so that they share a commit.
    for (const saga of await Promise.all(fresh.map((id) => claim(store, owner, this.#adoptAll, id))))
      if (saga && !this.#runs.has(saga.id)) this.#launch(saga, false);
    return 0;
  }

  /**
   * Finds the next suspect: a saga during whose runs the process crashed more than once. Suspects run one at a time, in the order
   * of the crash count. A saga that writes something, or runs for a while, has proved that it does not crash the process.
   */
  async #nextSuspect(limit: number): Promise<{ next: string | undefined; waiting: boolean }> {
    const { store, owner, platform } = this.#options;
    const rows = (await suspects(store, owner, this.#adoptAll, limit)).filter(({ id }) => !this.#runs.has(id) && !this.#resting.has(id));
    const nowMono = platform.clock.monoNow();
    const ready = rows.filter(({ crashes }) => this.#suspects.earlyMs(Number(crashes) + 1) === 0);
    const exposed = this.#exposed;
    const busy = exposed && !exposed.run.proved && this.#runs.has(exposed.run.saga.id) && nowMono - exposed.sinceMono < EXPOSED_MS;
    return { next: busy ? undefined : ready[0]?.id, waiting: ready.length > 0 };
  }

  /** Renews the leases of all runs; a run that has lost its lease is stopped. */
  async #renew(): Promise<number> {
    if (this.#runs.size === 0) return RENEW_MS;
    const { store, owner } = this.#options;
    const runs = [...this.#runs.values()];
    const epochs = await renew(
      store,
      owner,
      runs.map((run) => run.saga.id),
    );
    for (const run of runs) {
      if (epochs.get(run.saga.id) === run.saga.epoch) run.confirmed();
      else run.stop(new RametError('StaleOwner'));
    }
    return RENEW_MS;
  }

  #launch(saga: ReturnType<typeof sagaOf>, fresh: boolean): void {
    if (this.#runs.has(saga.id)) return;
    const run = new Run(this.#environment, saga, []);
    this.#runs.set(saga.id, run);
    if (saga.crashes > 0) this.#expose(run);
    const finished = this.#drive(run, fresh)
      .catch((error: unknown) => this.#dropped(run, error))
      .finally(() => {
        this.#runs.delete(saga.id);
        this.#finished.delete(finished);
        // Branches of its program may still wait for answers; they must not write any more.
        run.stop(new RametError('StaleOwner'));
        // It may have to wake before the next scan, or have been woken already.
        if (run.released) this.#claiming.wake();
        const { state } = run.saga;
        run.span.end(state === 'RUNNING' || state === 'COMPENSATING' ? SAGA_RELEASED : state);
      });
    this.#finished.add(finished);
  }

  /** Watches a run that saw a crash before: after a while without another one it writes its journal, which clears it. */
  #expose(run: Run): void {
    const { clock, timers } = this.#options.platform;
    if (run.saga.crashes > 1) this.#exposed = { run, sinceMono: clock.monoNow() };
    timers.set(CLEARED_MS, () => {
      // Any write resets the crash count.
      if (this.#runs.get(run.saga.id) === run && !run.proved) run.save({}).catch(() => {});
    });
  }

  #dropped(run: Run, error: unknown): void {
    const stop = asStop(error);
    const fields = { saga: run.saga.type, sagaId: run.saga.id, code: stop.code, correlationId: run.saga.trace.correlationId };
    if (stop.code === 'StaleOwner' || stop.code === 'ShuttingDown') this.#options.log.event('saga_continues_elsewhere', fields);
    else {
      this.#options.log.event('saga_released', { ...fields, err: error });
      this.#resting.add(run.saga.id);
      this.#options.platform.timers.set(REST_MS, () => this.#resting.delete(run.saga.id));
    }
  }

  async #drive(run: Run, fresh: boolean): Promise<void> {
    if (!fresh) await this.#load(run);
    if (run.saga.state === 'RUNNING') await this.#forward(run);
    if (run.saga.state === 'COMPENSATING') await compensate(run);
  }

  /** Loads the journal. Outcomes without a number, of an older version, get their numbers in the order of the log. */
  async #load(run: Run): Promise<void> {
    const { store } = this.#options;
    run.steps.push(...(await loadSteps(store, run.saga.id)));
    if (run.saga.state === 'RUNNING') for (const step of await unnumbered(store, run.saga.id, run.steps)) run.number(step);
  }

  async #forward(run: Run): Promise<void> {
    const { saga } = run;
    // While a step is under way, its participant may be the cause. It counts crashes too, and refuses the step first.
    const underWay = run.steps.some(({ state }) => state === 'STARTED');
    if (isGivenUp(saga.crashes, underWay ? 2 : 0))
      return this.#diverge(run, `the process ended during each of its last ${saga.crashes} runs`);
    const program = this.#programs.get(programId(saga.type, saga.programVersion));
    if (!program)
      return this.#diverge(run, `version ${saga.programVersion} of its program is not part of this deployment; list it in 'previous'`);
    const end = await runProgram(run, program, (onMade) => this.#calls.invocationsOf(program, onMade) as never);
    switch (end.kind) {
      case 'returned':
        return this.#complete(run, end.value);
      case 'threw':
        this.#logThrown(saga, end.error);
        if (saga.pivoted) return this.#diverge(run, `its program failed after the pivot: ${describe(end.error)}`);
        return this.#compensating(run, describe(end.error));
      case 'compensate':
        // The failed step ran beside the pivot: a saga that cannot be undone as a whole is not undone in part.
        if (saga.pivoted) return this.#diverge(run, `${end.reason}, and its pivot has been passed`);
        return this.#compensating(run, end.reason);
      case 'diverged':
        return this.#diverge(run, end.reason);
      case 'asleep':
        return;
      case 'stopped':
        // So that steps answered in the meantime need not be called again.
        if (end.error.code === 'ShuttingDown' && run.noted) await run.save({});
        throw end.error;
    }
  }

  #stray({ type, programVersion, id }: Run['saga']): void {
    const program = programId(type, programVersion);
    if (this.#strays.has(program)) return;
    this.#strays.add(program);
    this.#options.log.event('saga_awaits_elsewhere', { saga: type, programVersion, sagaId: id });
  }

  /** Logs why the program failed. A declared failure is an expected end; anything else is a mistake in the program. */
  #logThrown(saga: Run['saga'], error: unknown): void {
    const fields = { saga: saga.type, sagaId: saga.id, key: saga.key, correlationId: saga.trace.correlationId };
    if (isDeclared(error)) this.#options.log.event('saga_failed', { ...fields, reason: describe(error) });
    else this.#options.log.event('saga_threw', { ...fields, err: error });
  }

  /** Completes the saga. A cancellation that was accepted counts until the very end. */
  async #complete(run: Run, result: unknown): Promise<void> {
    endWaits(run);
    const entries = [{ actor: 'engine', was: 'RUNNING', became: 'COMPLETED' }];
    await this.#unlessCancelled(run, { state: 'COMPLETED', result, attention: undefined }, { entries });
  }

  /** Writes the end of the program; if a cancellation was accepted, the saga is undone instead. */
  async #unlessCancelled(run: Run, ...[patch, more]: Required<Parameters<Run['save']>>): Promise<void> {
    try {
      await run.save(patch, { ...more, refuseWhenCancelled: !run.saga.pivoted });
    } catch (error) {
      if (!(error instanceof RametError && error.code === 'Cancelled')) throw error;
      await this.#compensating(run, run.saga.cancelReason as string);
    }
  }

  #compensating(run: Run, failure: string): Promise<void> {
    return run.save(
      { state: 'COMPENSATING', failure },
      { entries: [{ actor: 'engine', was: 'RUNNING', became: 'COMPENSATING', detail: failure }] },
    );
  }

  #diverge(run: Run, reason: string): Promise<void> {
    const { saga } = run;
    return this.#unlessCancelled(
      run,
      { state: 'DIVERGED', attention: reason },
      {
        entries: [{ actor: 'engine', was: 'RUNNING', became: 'DIVERGED', detail: reason }],
        alert: {
          id: `${saga.id}:diverged:${saga.epoch}`,
          service: this.#options.service,
          sagaId: saga.id,
          saga: saga.type,
          key: saga.key,
          state: 'DIVERGED',
          reason: `saga '${saga.type}' (${saga.key}) waits: ${reason}`,
        },
      },
    );
  }
}

const programId = (type: string, version: number): string => `${type}@${version}`;

/** Whether an error is a declared failure, or has one as its `cause`. Programs may throw anything. */
function isDeclared(error: unknown): boolean {
  try {
    return error instanceof DeclaredError || (error instanceof Error && error.cause instanceof DeclaredError);
  } catch {
    return false;
  }
}

const describe = (error: unknown): string => (error instanceof DeclaredError ? error.error : textOf(error));
