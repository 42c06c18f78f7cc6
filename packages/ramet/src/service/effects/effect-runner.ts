import { RametError } from '../../errors/index.ts';
import { Periodic, SECOND, steadyBackoffMs } from '../../platform/index.ts';
import { fault, type Reply } from '../../rpc/index.ts';
import { type Instrument, Works } from '../../telemetry/index.ts';
import {
  abandonedEffects,
  countAttempt,
  EffectMoved,
  type EffectRow,
  effectRow,
  giveBackEffects,
  keepEffect,
} from '../fences/effect-rows.ts';
import { fenceOf, replyOf } from '../fences/fences.ts';
import { boundLog } from '../unit-of-work.ts';
import type { CompiledEffect } from './compiled-effect.ts';
import { EffectRun, type Known, outcomeOf } from './effect-run.ts';
import { EffectWriter, type NewEffect, type WriterEnvironment } from './effect-writer.ts';
import { Orphans } from './orphans.ts';
import { BACKOFF, LOOKUPS_MAX, OutcomeFinder } from './outcome-finder.ts';
import { type OutsideEnvironment, outside } from './outside.ts';

/** What the effect runner works with. */
export interface EffectEnvironment extends OutsideEnvironment, WriterEnvironment {
  readonly effects: ReadonlyMap<string, CompiledEffect>;
  readonly instrument: Instrument;
}

/** How often the runner looks for effects without an owner. */
const SCAN_MS = 1 * SECOND;
/** How often it looks whether another replica is still working on an effect. */
const LOOK_MS = 100;
/** How many effects it adopts at once. */
const ADOPT_MAX = 64;

/**
 * Takes effects from their first transaction to their second: performs them, always under the same key, until the outcome
 * is known; finds the outcome out where an attempt did not say it; and adopts the effects that another process left behind.
 * The caller may disconnect in the meantime.
 */
export class EffectRunner {
  readonly #environment: EffectEnvironment;
  readonly #runs = new Map<string, EffectRun>();
  readonly #scan: Periodic;
  readonly #stop = new AbortController();
  readonly #orphans: Orphans;
  readonly #writer: EffectWriter;
  readonly #finder: OutcomeFinder;
  readonly #works = new Works('effect', 'service', 'operation');
  #adoptAll: boolean;

  constructor(environment: EffectEnvironment) {
    this.#environment = environment;
    this.#orphans = new Orphans(environment);
    this.#writer = new EffectWriter(environment);
    this.#finder = new OutcomeFinder(environment, this.#stop.signal);
    this.#adoptAll = !environment.store.capabilities.shared;
    this.#scan = new Periodic(
      environment.platform,
      () => this.#adopt(),
      (error) => environment.log.event('effects_unavailable', { err: error }),
    );
  }

  start(): void {
    this.#scan.start();
  }

  /** Waits for the attempts under way to end; the next process finds out what is not known then. */
  async stop(): Promise<void> {
    // The intent is stored, and the next start performs it: to a caller that asks, the outcome is unknown.
    this.#stop.abort(new RametError('ShuttingDown', undefined, { executed: 'unknown' }));
    await this.#scan.stop();
    await Promise.allSettled([...this.#runs.values()].map(({ done }) => done));
    await this.release();
  }

  /** Gives back the effects that calls have begun since the runner stopped, so that another replica need not wait for the leases. */
  async release(): Promise<void> {
    await this.#environment.store.write((tx) => giveBackEffects(tx, this.#environment.owner)).catch(() => {});
  }

  /**
   * Begins an effect: writes its intent, and starts to work on it.
   * @returns the answer if there is one already (a refusal); undefined while the effect is under way
   */
  async begin(effect: NewEffect): Promise<Reply | undefined> {
    const { refusal, fresh } = await this.#writer.intend(effect);
    if (refusal === undefined) this.run(effect.key, fresh);
    return refusal;
  }

  /** Works on an effect until its outcome is known, or joins the run that does already. */
  run(key: string, fresh = false): EffectRun {
    const known = this.#runs.get(key);
    if (known) return known;
    const run = new EffectRun((own) =>
      this.#work(key, fresh, own)
        .finally(() => own.release())
        .catch((error: unknown) => this.#resumeLater(key, error)),
    );
    this.#runs.set(key, run);
    void run.done.finally(() => this.#runs.delete(key));
    return run;
  }

  /**
   * Works on an effect, and waits for its reply for `forMs`.
   * @param pending the code of the reply when the time is over; a pending step is not a failure of this service
   */
  async join(key: string, forMs: number, pending: 'DeadlineExceeded' | 'StepPending' = 'DeadlineExceeded'): Promise<Reply> {
    const reply = await this.run(key).wait(this.#environment.platform, forMs);
    return reply ?? fault(new RametError(pending, 'the effect is under way and continues'));
  }

  /** Returns the answer that a key has now, without waiting. */
  async answered(key: string): Promise<Reply | undefined> {
    const fence = await fenceOf(this.#environment.store.reader, key);
    return fence && replyOf(fence);
  }

  /** Releases an effect that cannot continue now: it is resumed when its lease ends, after the others that wait. */
  async #resumeLater(key: string, error: unknown): Promise<Reply> {
    const stop = error instanceof RametError ? error : new RametError('Internal', String(error), { cause: error });
    if (stop.code !== 'ShuttingDown') {
      this.#environment.log.event('effect_released', { err: error, effect: key });
      await this.#environment.store.write((tx) => keepEffect(tx, key)).catch(() => {});
    }
    return fault(stop);
  }

  async #adopt(): Promise<number> {
    const keys = (await abandonedEffects(this.#environment.store.reader, this.#adoptAll, ADOPT_MAX + this.#runs.size)).filter(
      (key) => !this.#runs.has(key),
    );
    if (keys.length < ADOPT_MAX) this.#adoptAll = false;
    for (const key of keys) this.run(key);
    return SCAN_MS;
  }

  async #work(key: string, fresh: boolean, run: EffectRun): Promise<Reply> {
    const { store, instrument } = this.#environment;
    for (let round = 1; ; round++) {
      const found = await effectRow(store.reader, key);
      if (!found) throw new RametError('Internal', `effect '${key}' is gone`);
      const row = run.within(found, instrument, this.#works.of(store.service, found.operation));
      if (row.state !== 'STARTED' && row.state !== 'CANCELLING') return replyOf(row) as Reply;
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
      const compiled = this.#environment.effects.get(row.operation);
      if (!compiled)
        throw new RametError('UnknownOperation', `the effect needs the operation '${row.operation}', which this deployment does not have`);
      if (!run.known && this.#isElsewhere(row)) {
        await this.#environment.platform.timers.sleep(Math.min(LOOK_MS, row.leaseMs), this.#stop.signal);
        continue;
      }
      if (!run.known && this.#orphans.isOf(row)) {
        const { givenUp, release } = await this.#orphans.takeOver(row, compiled.compiled.fullName, this.#stop.signal);
        run.release = release;
        if (givenUp) await this.#writer.inDoubt(row, compiled);
        continue;
      }
      const over = row.state === 'CANCELLING' || (row.remainingMs !== undefined && row.remainingMs <= 0);
      try {
        if (!run.known) await (over ? this.#settle(row, compiled, run) : this.#attempt(row, compiled, fresh && round === 1, run));
        if (run.known) await this.#conclude(row, compiled, run, over);
      } catch (error) {
        if (!(error instanceof EffectMoved)) throw error;
      }
      run.release();
    }
  }

  /** Whether another replica works on it, which is looked up again and again: two processes must not ask the other system at once. */
  #isElsewhere({ state, owner, leaseMs }: EffectRow): boolean {
    const { store, owner: self } = this.#environment;
    return store.capabilities.shared && state === 'STARTED' && owner !== self && leaseMs > 0;
  }

  async #attempt(row: EffectRow, compiled: CompiledEffect, counted: boolean, run: EffectRun): Promise<void> {
    const { platform } = this.#environment;
    if (!counted && !(await this.#count(row, compiled, run))) return;
    const attempt = counted ? row.attempt : row.attempt + 1;
    await this.#point('effect.perform');
    const perform = () =>
      outside(this.#environment, row, compiled, attempt, (request, context) => compiled.effect.perform(request, context));
    const performed = await outcomeOf(compiled, perform, 'performed');
    run.ended = { attempt, atMono: platform.clock.monoNow() };
    run.release();
    await this.#point('effect.performed');
    if ('known' in performed) {
      run.known = performed.known;
      return;
    }
    const { error } = performed;
    // The other system was not asked (its bulkhead was full, its circuit open): there is nothing to find out, and nothing failed.
    if (error instanceof RametError && error.executed === 'no') {
      await this.#writer.queued(row, compiled, run, error);
      const waitMs = Math.max(Math.min(error.retryAfterMs ?? 0, BACKOFF.capMs), steadyBackoffMs(platform, BACKOFF, attempt));
      await platform.timers.sleep(waitMs, this.#stop.signal);
      return;
    }
    this.#failed(row, compiled, run, error);
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
    const found = await this.#finder.look(row, compiled);
    if (found) run.known = found;
    else await platform.timers.sleep(steadyBackoffMs(platform, BACKOFF, attempt), this.#stop.signal);
  }

  /** Counts an attempt before it begins. @returns false if another process has moved the effect in the meantime */
  #count(row: EffectRow, { compiled }: CompiledEffect, run: EffectRun): Promise<boolean> {
    const { store, owner } = this.#environment;
    return store.write((tx) => countAttempt(tx, row, owner, run.ended !== undefined), {
      name: `${compiled.fullName} attempt`,
      trace: row.origin.trace,
    });
  }

  #failed(row: EffectRow, { compiled }: CompiledEffect, run: EffectRun, error: unknown): void {
    run.fail(error);
    const fields = { err: error, effect: compiled.fullName, failures: run.failures };
    boundLog(this.#environment.log, row.origin.trace).event('effect_failed', fields);
  }

  /** No further attempt may begin: the outcome of those that did is found out, or left to an operator. */
  async #settle(row: EffectRow, compiled: CompiledEffect, run: EffectRun): Promise<void> {
    const found = await this.#finder.settle(row, compiled, run);
    if (found === 'in doubt') await this.#writer.inDoubt(row, compiled);
    else if (found === 'absent') await this.#writer.cancel(row, compiled);
    else run.known = found;
  }

  /** Writes what is known. If the write fails, only the write is repeated: what has happened is not done again. */
  async #conclude(row: EffectRow, compiled: CompiledEffect, run: EffectRun, over: boolean): Promise<void> {
    const { platform, store } = this.#environment;
    try {
      await this.#writer.conclude(row, compiled, run.known as Known);
      await this.#point('effect.recorded');
    } catch (error) {
      if (error instanceof EffectMoved) return;
      this.#failed(row, compiled, run, error);
      if (over && run.failures >= LOOKUPS_MAX) return this.#writer.inDoubt(row, compiled);
      await platform.timers.sleep(steadyBackoffMs(platform, BACKOFF, run.failures), this.#stop.signal);
      await store.write((tx) => keepEffect(tx, row.key));
    }
  }

  async #point(site: string): Promise<void> {
    const stop = this.#environment.platform.point(site);
    if (stop) await stop;
  }
}
