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

export interface SagaEngineOptions {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly sagas: readonly Saga[];
  readonly transport: TransportRoutes;
  /** What the edges of the service have in common. */
  readonly outbound: Outbound;
  readonly alerts: AlertSink;
  readonly log: EventLog;
  /** Unique to this start of the process: who owns a saga. */
  readonly owner: string;
  readonly instrument: Instrument;
  /** Whether what had been published when the process started has been handled by whoever keeps events for sagas. */
  readonly caughtUp: RunEnvironment['caughtUp'];
}

/** Sagas of one service that run at once; further ones wait. */
const RUNS_MAX = 256;
/** Those that only wait for their next attempt take nobody's place, as long as there are not too many to be kept in hand. */
const HELD_MAX = 4_096;
/** How long a saga that failed for a reason of ours is left alone: what failed at once would fail at once again. */
const REST_MS = 1_000;
/** How many sagas that lost their owner are taken on at once: after a downtime there may be thousands. */
const CLAIM_MAX = 32;
const SCAN_MS = 1_000;
/** When a suspect has run for so long, the next one is taken. */
const EXPOSED_MS = 1_000;
/** A suspect that has run for so long without ending the process is cleared. */
const CLEARED_MS = 15_000;
/** How soon the next suspect is looked at. */
const SUSPECT_LOOK_MS = 50;

/**
 * Runs the sagas of one service. Those that its own commands start run at once, owned from the start; those whose owner is
 * gone are found by their leases. The engine holds no truth in memory: it may be killed anywhere.
 */
export class SagaEngine {
  readonly #options: SagaEngineOptions;
  readonly #programs = new Map<string, Saga>();
  readonly #calls: Calls;
  readonly #runs = new Map<string, Run>();
  /** Programs of which it was logged that they await something other than a step, sleep or wait. */
  readonly #strays = new Set<string>();
  /** Released after an error, and left alone for a while. */
  readonly #resting = new Set<string>();
  readonly #finished = new Set<Promise<void>>();
  readonly #environment: RunEnvironment;
  readonly #claiming: Periodic;
  readonly #renewing: Periodic;
  readonly #suspects: Suspects;
  /** The suspect that was taken last. */
  #exposed: { readonly run: Run; readonly sinceMono: number } | undefined;
  #stopping = false;
  /** A store of one process has no other owners: what is open at start was left by the process before. */
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

  /** How many more may be taken in hand. */
  get #free(): number {
    let pausing = 0;
    for (const run of this.#runs.values()) if (run.pausing) pausing++;
    return Math.min(RUNS_MAX + pausing, HELD_MAX) - this.#runs.size;
  }

  /** Programs that open sagas began with and that this deployment does not have: they will wait for an operator. */
  async missingPrograms(): Promise<{ saga: string; version: number; open: number }[]> {
    // The first condition is that of the indexes of open sagas.
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

  /** A command of this process has committed the start of a saga. */
  started(row: RawRow): void {
    if (this.#stopping || this.#free <= 0) this.#claiming.wake();
    else this.#launch(sagaOf(row), true);
  }

  /** Something about this saga changed (an operator, a cancellation): look at it now. */
  poke(): void {
    this.#claiming.wake();
  }

  /** An event was kept that programs in hand may wait for. */
  rouse(): void {
    for (const run of this.#runs.values()) run.rouse();
  }

  /** Stops taking sagas, lets those under way come to a step's end, and gives their leases back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#claiming.stop();
    for (const run of this.#runs.values()) run.stop(new RametError('ShuttingDown'));
    await Promise.all(this.#finished);
    await this.#renewing.stop();
    await this.release();
  }

  /** Gives back the sagas that commands have started since the engine stopped: they need not wait for their leases. */
  async release(): Promise<void> {
    await giveBack(this.#options.store, this.#options.owner).catch(() => {});
  }

  /** Takes over sagas that no process holds. @returns in how many milliseconds to look again */
  async #claim(): Promise<number> {
    const free = this.#free;
    if (free <= 0) return SCAN_MS;
    const { store, owner } = this.#options;
    // Sagas that are ours but not in hand were dropped when the store was away, or wait for their turn.
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
    // Together, so that they share a commit.
    for (const saga of await Promise.all(fresh.map((id) => claim(store, owner, this.#adoptAll, id))))
      if (saga && !this.#runs.has(saga.id)) this.#launch(saga, false);
    return 0;
  }

  /**
   * A saga during whose runs the process ended more than once: they are taken one at a time, and the later after the begin of
   * this process the more often it was. One that writes something, or runs for a while, has proved that it ends no process.
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

  /** Confirms the leases of all runs in hand; a run whose lease is gone is dropped. */
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
        // Branches of its program may still wait for answers: they can write nothing any more.
        run.stop(new RametError('StaleOwner'));
        // It may have to wake sooner than the next look, or have been woken already.
        if (run.released) this.#claiming.wake();
        const { state } = run.saga;
        run.span.end(state === 'RUNNING' || state === 'COMPENSATING' ? SAGA_RELEASED : state);
      });
    this.#finished.add(finished);
  }

  /** Takes note of a run during whose like the process ended: when it has lived for a while without that, it says so. */
  #expose(run: Run): void {
    const { clock, timers } = this.#options.platform;
    if (run.saga.crashes > 1) this.#exposed = { run, sinceMono: clock.monoNow() };
    timers.set(CLEARED_MS, () => {
      // Writing anything counts from the beginning again.
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

  /** Outcomes of before they were numbered, and of a process that does not number them, get their numbers in the order of the log. */
  async #load(run: Run): Promise<void> {
    const { store } = this.#options;
    run.steps.push(...(await loadSteps(store, run.saga.id)));
    if (run.saga.state === 'RUNNING') for (const step of await unnumbered(store, run.saga.id, run.steps)) run.number(step);
  }

  async #forward(run: Run): Promise<void> {
    const { saga } = run;
    // While a step is under way the cause may be its participant, which counts for itself and refuses first.
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
        // A step beside the pivot: what cannot be undone as a whole is not undone in part.
        if (saga.pivoted) return this.#diverge(run, `${end.reason}, and its pivot has been passed`);
        return this.#compensating(run, end.reason);
      case 'diverged':
        return this.#diverge(run, end.reason);
      case 'asleep':
        return;
      case 'stopped':
        // What was answered meanwhile need not be asked for again.
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

  /** A declared failure is a way that sagas go; anything else is a mistake in the program. */
  #logThrown(saga: Run['saga'], error: unknown): void {
    const fields = { saga: saga.type, sagaId: saga.id, key: saga.key, correlationId: saga.trace.correlationId };
    if (isDeclared(error)) this.#options.log.event('saga_failed', { ...fields, reason: describe(error) });
    else this.#options.log.event('saga_threw', { ...fields, err: error });
  }

  /** A cancellation that was accepted counts to the very end. */
  async #complete(run: Run, result: unknown): Promise<void> {
    endWaits(run);
    const entries = [{ actor: 'engine', was: 'RUNNING', became: 'COMPLETED' }];
    await this.#unlessCancelled(run, { state: 'COMPLETED', result, attention: undefined }, { entries });
  }

  /** Comes to an end of its program, unless a cancellation was accepted: then it is undone. */
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

/** A declared failure, or an error that tells one in words of its own and has it as its `cause`. Programs may throw anything. */
function isDeclared(error: unknown): boolean {
  try {
    return error instanceof DeclaredError || (error instanceof Error && error.cause instanceof DeclaredError);
  } catch {
    return false;
  }
}

const describe = (error: unknown): string => (error instanceof DeclaredError ? error.error : textOf(error));
