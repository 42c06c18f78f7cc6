import { type DeclaredError, RametError } from '../../errors/index.ts';
import { Periodic, SECOND, steadyBackoffMs } from '../../platform/index.ts';
import { declared, fault, NEVER, type Reply } from '../../rpc/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import { answerOf } from '../calls/requests.ts';
import {
  abandonedEffects,
  countAttempt,
  EffectMoved,
  type EffectOrigin,
  type EffectRow,
  effectRow,
  forgetRefusal,
  giveBackEffects,
  insertEffect,
  keepEffect,
  moveEffect,
  setRequest,
  settleUndone,
} from '../fences/effect-rows.ts';
import { fenceOf, replyOf } from '../fences/fences.ts';
import { boundLog, type UnitOfWork, type WorkOrigin } from '../unit-of-work.ts';
import type { CompiledEffect } from './compiled-effect.ts';
import { Drive, type Known, learn } from './effect-run.ts';
import { Orphans } from './orphans.ts';
import { type OutsideEnvironment, outside, PERFORM_TIMEOUT_MS } from './outside.ts';

export interface EffectEnvironment extends OutsideEnvironment {
  readonly store: Store;
  readonly effects: ReadonlyMap<string, CompiledEffect>;
  readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
  /** Unique to this start of the process. */
  readonly owner: string;
}

const BACKOFF = { baseMs: 200, capMs: 10 * SECOND };
/** Look-ups that fail until the outcome counts as in doubt: about a minute. */
const LOOKUPS_MAX = 10;
/** How often a sign is given for an effect that waits. */
const KEEP_MS = 5 * SECOND;
const SCAN_MS = 1_000;
const LOOK_MS = 100;
const ADOPT_MAX = 64;

/**
 * Carries effects from their first transaction to their second: performs them, always under the same key, until the outcome
 * is known; finds it out where it is not; and goes on with what another process left behind. Whoever asked may go away.
 */
export class EffectRunner {
  readonly #environment: EffectEnvironment;
  readonly #drives = new Map<string, Drive>();
  readonly #scan: Periodic;
  readonly #stop = new AbortController();
  readonly #orphans: Orphans;
  #adoptAll: boolean;

  constructor(environment: EffectEnvironment) {
    this.#environment = environment;
    this.#orphans = new Orphans(environment);
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

  /** Lets the attempts under way end; what is not known then is found out by the next process. */
  async stop(): Promise<void> {
    // The intent is stored, and the next start performs it: to a caller that asks, the outcome is unknown.
    this.#stop.abort(new RametError('ShuttingDown', undefined, { executed: 'unknown' }));
    await this.#scan.stop();
    await Promise.allSettled([...this.#drives.values()].map((drive) => drive.done));
    await this.release();
  }

  /** Gives back the effects that calls have begun since the runner stopped: a replica need not wait for the leases. */
  async release(): Promise<void> {
    await this.#environment.store.write((tx) => giveBackEffects(tx, this.#environment.owner)).catch(() => {});
  }

  /**
   * Begins an effect: its intent in one transaction with its fence.
   * @param within further statements of that transaction, before the intent; false means that there is nothing to begin
   * @returns the answer when there is one already (a refusal), undefined when it is under way
   */
  async begin(
    key: string,
    { compiled, effect, request: codec }: CompiledEffect,
    input: unknown,
    origin: EffectOrigin,
    options: { epoch: number; notAfterMs: number | undefined; within?: (tx: Tx) => Promise<Reply | undefined> },
  ): Promise<Reply | undefined> {
    const begun = await this.#environment.store.write(
      async (tx) => {
        const other = await options.within?.(tx);
        if (other) return { reply: other, fresh: false };
        if (origin.undoes) await forgetRefusal(tx, key);
        if (
          !(await insertEffect(tx, { key, operation: compiled.operation.name, input, origin, owner: this.#environment.owner, ...options }))
        )
          return { reply: undefined, fresh: false };
        const answer = await answerOf(tx, compiled, async () => {
          const work = this.#work(tx, origin);
          const request = codec.decode(await effect.intend(input, work.context(compiled)));
          if (!request.ok)
            throw new RametError('InvalidOutput', `the request that ${compiled.fullName} intends does not fit its schema`, {
              issues: request.issues,
            });
          setRequest(tx, key, request.value);
          await work.flush();
          return { ok: true, value: undefined };
        });
        if (answer.ok) return { reply: undefined, fresh: true };
        await moveEffect(tx, key, ['STARTED'], 'REJECTED', { result: answer });
        return { reply: answer, fresh: false };
      },
      { name: `${compiled.fullName} intends` },
    );
    if (begun.reply === undefined) this.drive(key, begun.fresh);
    return begun.reply;
  }

  /** Works on an effect until its outcome is known; joins whoever does already. */
  drive(key: string, fresh = false): Drive {
    const known = this.#drives.get(key);
    if (known) return known;
    const drive = new Drive((own) =>
      this.#carry(key, fresh, own)
        .finally(() => own.release())
        .catch((error: unknown) => this.#putDown(key, error)),
    );
    this.#drives.set(key, drive);
    void drive.done.finally(() => this.#drives.delete(key));
    return drive;
  }

  /**
   * Works on an effect, and waits for it as long as whoever asks does.
   * @param goesOn how to say that it goes on: a step is pending, and that is no failure of this service
   * @returns its reply, or that it goes on
   */
  async join(key: string, forMs: number, goesOn: 'DeadlineExceeded' | 'StepPending' = 'DeadlineExceeded'): Promise<Reply> {
    const reply = await this.drive(key).wait(this.#environment.platform, forMs);
    return reply ?? fault(new RametError(goesOn, 'the effect is under way and goes on'));
  }

  /** The effect cannot be gone on with now: it is looked at again when its time comes, after the others that wait. */
  async #putDown(key: string, error: unknown): Promise<Reply> {
    const stop = error instanceof RametError ? error : new RametError('Internal', String(error), { cause: error });
    if (stop.code !== 'ShuttingDown') {
      this.#environment.log.event('effect_released', { err: error, effect: key });
      await this.#environment.store.write((tx) => keepEffect(tx, key)).catch(() => {});
    }
    return fault(stop);
  }

  async #adopt(): Promise<number> {
    const keys = (await abandonedEffects(this.#environment.store.reader, this.#adoptAll, ADOPT_MAX + this.#drives.size)).filter(
      (key) => !this.#drives.has(key),
    );
    if (keys.length < ADOPT_MAX) this.#adoptAll = false;
    for (const key of keys) this.drive(key);
    return SCAN_MS;
  }

  async #carry(key: string, fresh: boolean, drive: Drive): Promise<Reply> {
    for (let round = 1; ; round++) {
      const row = await effectRow(this.#environment.store.reader, key);
      if (!row) throw new RametError('Internal', `effect '${key}' is gone`);
      if (row.state !== 'STARTED' && row.state !== 'CANCELLING') return replyOf(row) as Reply;
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
      const compiled = this.#environment.effects.get(row.operation);
      if (!compiled)
        throw new RametError('UnknownOperation', `it waits for the operation '${row.operation}', which this deployment does not have`);
      if (!drive.known && this.#isElsewhere(row)) {
        await this.#environment.platform.timers.sleep(Math.min(LOOK_MS, row.leaseMs), this.#stop.signal);
        continue;
      }
      if (!drive.known && this.#orphans.isOf(row)) {
        const { givenUp, release } = await this.#orphans.takeOver(row, compiled.compiled.fullName, this.#stop.signal);
        drive.release = release;
        if (givenUp) await this.#inDoubt(row, compiled);
        continue;
      }
      const over = row.state === 'CANCELLING' || (row.remainingMs !== undefined && row.remainingMs <= 0);
      try {
        if (!drive.known) await (over ? this.#settle(row, compiled, drive) : this.#attempt(row, compiled, fresh && round === 1, drive));
        if (drive.known) await this.#conclude(row, compiled, drive, over);
      } catch (error) {
        if (!(error instanceof EffectMoved)) throw error;
      }
      drive.release();
    }
  }

  /** Whether a replica is at it, which is looked at now and then: the other system must not be asked by two at once. */
  #isElsewhere({ state, owner, leaseMs }: EffectRow): boolean {
    const { store, owner: self } = this.#environment;
    return store.capabilities.shared && state === 'STARTED' && owner !== self && leaseMs > 0;
  }

  async #attempt(row: EffectRow, compiled: CompiledEffect, counted: boolean, drive: Drive): Promise<void> {
    const { platform, store } = this.#environment;
    if (
      !counted &&
      !(await store.write((tx) => countAttempt(tx, row, this.#environment.owner, drive.ended !== undefined), {
        name: `${compiled.compiled.fullName} attempt`,
      }))
    )
      return;
    const attempt = counted ? row.attempt : row.attempt + 1;
    await this.#point('effect.perform');
    const perform = () =>
      outside(this.#environment, row, compiled, attempt, (request, context) => compiled.effect.perform(request, context));
    const came = await learn(compiled, perform, 'performed');
    drive.ended = { attempt, atMono: platform.clock.monoNow() };
    drive.release();
    await this.#point('effect.performed');
    // The other system was not asked (its bulkhead was full, its circuit open): there is nothing to find out, and nobody failed.
    if ('error' in came && came.error instanceof RametError && came.error.executed === 'no') {
      await this.#queued(row, compiled, drive, came.error);
      const waitMs = Math.max(Math.min(came.error.retryAfterMs ?? 0, BACKOFF.capMs), steadyBackoffMs(platform, BACKOFF, attempt));
      await platform.timers.sleep(waitMs, this.#stop.signal);
    } else if ('error' in came) {
      this.#failed(row, compiled, drive, came.error);
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
      const found = compiled.effect.lookup ? await learn(compiled, () => this.#lookUp(row, compiled), 'looked up') : undefined;
      if (found && 'known' in found && found.known) drive.known = found.known;
      else await platform.timers.sleep(steadyBackoffMs(platform, BACKOFF, attempt), this.#stop.signal);
    } else drive.known = came.known;
  }

  #failed(row: EffectRow, { compiled }: CompiledEffect, drive: Drive, error: unknown): void {
    drive.fail(error);
    const fields = { err: error, effect: compiled.fullName, failures: drive.failures };
    boundLog(this.#environment.log, row.origin.trace).event('effect_failed', fields);
  }

  /** Writes down what is known. When that fails it is tried again by itself: what has happened is not done again. */
  async #conclude(row: EffectRow, compiled: CompiledEffect, drive: Drive, over: boolean): Promise<void> {
    const { platform, store } = this.#environment;
    const known = drive.known as Known;
    try {
      await ('refusal' in known ? this.#reject(row, compiled, known.refusal) : this.#record(row, compiled, known.outcome));
      await this.#point('effect.recorded');
    } catch (error) {
      if (error instanceof EffectMoved) return;
      this.#failed(row, compiled, drive, error);
      if (over && drive.failures >= LOOKUPS_MAX) return this.#inDoubt(row, compiled);
      await platform.timers.sleep(steadyBackoffMs(platform, BACKOFF, drive.failures), this.#stop.signal);
      await store.write((tx) => keepEffect(tx, row.key));
    }
  }

  /** No further attempt may begin: finds out what became of those that did. Nothing found counts only after the quiet time, and only twice. */
  async #settle(row: EffectRow, compiled: CompiledEffect, drive: Drive): Promise<void> {
    const { platform, store } = this.#environment;
    if (!compiled.effect.lookup) return this.#inDoubt(row, compiled);
    // The last request may have left at the very end of the last attempt; one of another process is given its whole time.
    const ended =
      drive.ended?.attempt === row.attempt ? drive.ended.atMono : platform.clock.monoNow() - row.sinceAttemptMs + PERFORM_TIMEOUT_MS;
    let nothing = 0;
    for (let failures = 0; failures < LOOKUPS_MAX; ) {
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
      let waitMs: number;
      const found = await learn(compiled, () => this.#lookUp(row, compiled), 'looked up');
      if ('error' in found) {
        failures++;
        waitMs = steadyBackoffMs(platform, BACKOFF, failures);
      } else if (found.known) {
        drive.known = found.known;
        return;
      } else {
        const quietInMs = ended + compiled.quietMs - platform.clock.monoNow();
        nothing++;
        if (nothing > 1 && quietInMs <= 0) return this.#givenUp(row, compiled);
        waitMs = Math.max(quietInMs, BACKOFF.baseMs);
      }
      for (let leftMs = waitMs; leftMs > 0; leftMs -= KEEP_MS) {
        await platform.timers.sleep(Math.min(leftMs, KEEP_MS), this.#stop.signal);
        await store.write((tx) => keepEffect(tx, row.key));
      }
    }
    await this.#inDoubt(row, compiled);
  }

  /** Only a person can find out now. */
  async #inDoubt(row: EffectRow, { compiled }: CompiledEffect): Promise<void> {
    await this.#environment.store.write((tx) => moveEffect(tx, row.key, [row.state], 'IN_DOUBT'));
    boundLog(this.#environment.log, row.origin.trace).event('effect_in_doubt', { effect: compiled.fullName, key: row.key });
  }

  /**
   * The second transaction. When the step was cancelled meanwhile, what happened is recorded all the same, and the fence
   * says DONE: whoever cancels finds it and undoes it.
   */
  async #record(row: EffectRow, { compiled, effect }: CompiledEffect, outcome: unknown): Promise<void> {
    await this.#environment.store.write(
      async (tx) => {
        const work = this.#work(tx, row.origin);
        const answer = compiled.output.decode(await effect.record(outcome, work.context(compiled), row.request));
        if (!answer.ok)
          throw new RametError('InvalidOutput', `the answer of ${compiled.fullName} does not fit its contract`, { issues: answer.issues });
        await moveEffect(tx, row.key, ['STARTED', 'CANCELLING'], 'DONE', { result: { ok: true, value: answer.value }, outcome });
        // An operator may have settled the step by hand meanwhile; what the undo did is done all the same.
        if (row.origin.undoes) settleUndone(tx, row.origin.undoes.key);
        await work.flush();
      },
      { name: `${compiled.fullName} records` },
    );
  }

  /** The other system could not be asked, and will be: told once, and what the telling does is no condition of it. */
  async #queued(row: EffectRow, { compiled, effect }: CompiledEffect, drive: Drive, error: RametError): Promise<void> {
    if (!effect.queued || drive.queued) return;
    drive.queued = true;
    try {
      await this.#environment.store.write(
        async (tx) => {
          const work = this.#work(tx, row.origin);
          await moveEffect(tx, row.key, ['STARTED'], 'STARTED');
          await effect.queued?.(error, work.context(compiled), row.request);
          await work.flush();
        },
        { name: `${compiled.fullName} is queued` },
      );
    } catch (failure) {
      if (failure instanceof EffectMoved) throw failure;
      const log = boundLog(this.#environment.log, row.origin.trace);
      log.event('effect_callback_failed', { err: failure, effect: compiled.fullName });
    }
  }

  async #reject(row: EffectRow, { compiled, effect }: CompiledEffect, error: DeclaredError): Promise<void> {
    await this.#environment.store.write(
      async (tx) => {
        const work = this.#work(tx, row.origin);
        await moveEffect(tx, row.key, ['STARTED', 'CANCELLING'], 'REJECTED', { result: declared(error) });
        await effect.reject?.(error, work.context(compiled), row.request);
        await work.flush();
      },
      { name: `${compiled.fullName} is rejected` },
    );
  }

  /** Nothing happened, and nothing will: the service is told as of a refusal. */
  async #givenUp(row: EffectRow, { compiled, effect }: CompiledEffect): Promise<void> {
    await this.#environment.store.write(
      async (tx) => {
        const work = this.#work(tx, row.origin);
        await moveEffect(tx, row.key, [row.state], 'CANCELLED');
        await effect.reject?.(
          new RametError('StepCancelled', `${compiled.fullName} was given up before it took place`),
          work.context(compiled),
          row.request,
        );
        await work.flush();
      },
      { name: `${compiled.fullName} is given up` },
    );
  }

  #lookUp(row: EffectRow, compiled: CompiledEffect): Promise<unknown> {
    const ask: typeof compiled.effect.lookup = (request, context) =>
      compiled.effect.lookup?.(request, context) ?? Promise.resolve(undefined);
    return outside(this.#environment, row, compiled, row.attempt, ask);
  }

  #work(tx: Tx, origin: EffectOrigin): UnitOfWork {
    const undoing = origin.undoes && { reason: origin.undoes.reason, result: origin.undoes.result };
    return this.#environment.unitOfWork(tx, {
      caller: origin.caller,
      trace: origin.trace,
      cancellation: NEVER,
      ...(undoing ? { undoing } : {}),
    });
  }

  async #point(site: string): Promise<void> {
    const stop = this.#environment.platform.point(site);
    if (stop) await stop;
  }

  /** The answer that a key has now, without waiting. */
  async answered(key: string): Promise<Reply | undefined> {
    const fence = await fenceOf(this.#environment.store.reader, key);
    return fence && replyOf(fence);
  }
}
