import { RametError } from '../../errors/index.ts';
import { declared, NEVER, type Reply } from '../../rpc/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import { answerOf } from '../calls/requests.ts';
import { EffectMoved, type EffectOrigin, type EffectRow, insertEffect, moveEffect, setRequest } from '../fences/effect-rows.ts';
import { forgetRefusal, settleUndone } from '../fences/fences.ts';
import { boundLog, type UnitOfWork, type WorkOrigin } from '../unit-of-work.ts';
import type { CompiledEffect } from './compiled-effect.ts';
import type { EffectRun, Known } from './effect-run.ts';
import type { OutsideEnvironment } from './outside.ts';

/** What the writer of effects works with. */
export interface WriterEnvironment extends Pick<OutsideEnvironment, 'log'> {
  readonly store: Store;
  readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
  /** Unique to this start of the process. */
  readonly owner: string;
}

/** An effect before its first transaction. */
export interface NewEffect {
  readonly key: string;
  readonly compiled: CompiledEffect;
  readonly input: unknown;
  readonly origin: EffectOrigin;
  /** The epoch of the saga's owner; 0 for the request of a client. */
  readonly epoch: number;
  /** How long attempts may begin; undefined means until the outcome is known. */
  readonly notAfterMs: number | undefined;
  /** Adds statements to the first transaction, before the intent. */
  readonly within?: (tx: Tx) => Promise<void>;
}

/** Writes the transactions of effects: the first with the intent, the second with the outcome, each with what the service's handler writes. */
export class EffectWriter {
  readonly #environment: WriterEnvironment;

  constructor(environment: WriterEnvironment) {
    this.#environment = environment;
  }

  /**
   * Writes the first transaction: the intent, together with its fence.
   * @returns a refusal by `intend`, and whether this call wrote the intent
   */
  intend(effect: NewEffect): Promise<{ readonly refusal: Reply | undefined; readonly fresh: boolean }> {
    const { store, owner } = this.#environment;
    const { key, compiled, input, origin, epoch, notAfterMs, within } = effect;
    const { operation, fullName } = compiled.compiled;
    return store.write(
      async (tx) => {
        await within?.(tx);
        if (origin.undoes) await forgetRefusal(tx, key);
        if (!(await insertEffect(tx, { key, operation: operation.name, input, origin, epoch, notAfterMs, owner })))
          return { refusal: undefined, fresh: false };
        const answer = await answerOf(tx, compiled.compiled, () => this.#intent(tx, effect));
        if (answer.ok) return { refusal: undefined, fresh: true };
        await moveEffect(tx, key, ['STARTED'], 'REJECTED', { result: answer });
        return { refusal: answer, fresh: false };
      },
      { name: `${fullName} intends`, trace: origin.trace },
    );
  }

  async #intent(tx: Tx, { key, compiled: { compiled, effect, request: codec }, input, origin }: NewEffect): Promise<Reply> {
    const work = this.#work(tx, origin);
    const request = codec.decode(await effect.intend(input, work.context(compiled)));
    if (!request.ok)
      throw new RametError('InvalidOutput', `the request that ${compiled.fullName} intends does not fit its schema`, {
        issues: request.issues,
      });
    setRequest(tx, key, request.value);
    await work.flush();
    return { ok: true, value: undefined };
  }

  /** Writes the second transaction: what the other system did, or that it refused. @throws EffectMoved */
  conclude(row: EffectRow, compiled: CompiledEffect, known: Known): Promise<void> {
    return 'refusal' in known ? this.#reject(row, compiled, known.refusal) : this.#record(row, compiled, known.outcome);
  }

  /**
   * If the step was cancelled in the meantime, the outcome is recorded anyway and the fence says DONE: the cancellation finds it
   * there and undoes the effect.
   */
  #record(row: EffectRow, { compiled, effect }: CompiledEffect, outcome: unknown): Promise<void> {
    return this.#write(row, `${compiled.fullName} records`, async (tx, work) => {
      const answer = compiled.output.decode(await effect.record(outcome, work.context(compiled), row.request));
      if (!answer.ok)
        throw new RametError('InvalidOutput', `the answer of ${compiled.fullName} does not fit its contract`, { issues: answer.issues });
      await moveEffect(tx, row.key, ['STARTED', 'CANCELLING'], 'DONE', { result: { ok: true, value: answer.value }, outcome });
      // An operator may have resolved the step in the meantime; what the undo did is done anyway.
      if (row.origin.undoes) settleUndone(tx, row.origin.undoes.key);
    });
  }

  #reject(row: EffectRow, { compiled, effect }: CompiledEffect, error: Extract<Known, { refusal: unknown }>['refusal']): Promise<void> {
    return this.#write(row, `${compiled.fullName} is rejected`, async (tx, work) => {
      await moveEffect(tx, row.key, ['STARTED', 'CANCELLING'], 'REJECTED', { result: declared(error) });
      await effect.reject?.(error, work.context(compiled), row.request);
    });
  }

  /** Writes that nothing happened and nothing will: the service is notified as of a refusal. @throws EffectMoved */
  cancel(row: EffectRow, { compiled, effect }: CompiledEffect): Promise<void> {
    return this.#write(row, `${compiled.fullName} is given up`, async (tx, work) => {
      await moveEffect(tx, row.key, [row.state], 'CANCELLED');
      const error = new RametError('StepCancelled', `${compiled.fullName} was cancelled before it took place`);
      await effect.reject?.(error, work.context(compiled), row.request);
    });
  }

  /** Calls `queued` once per run: the other system is unreachable for now. The effect does not depend on it. @throws EffectMoved */
  async queued(row: EffectRow, { compiled, effect }: CompiledEffect, run: EffectRun, error: RametError): Promise<void> {
    if (!effect.queued || run.queued) return;
    run.queued = true;
    try {
      await this.#write(row, `${compiled.fullName} is queued`, async (tx, work) => {
        await moveEffect(tx, row.key, ['STARTED'], 'STARTED');
        await effect.queued?.(error, work.context(compiled), row.request);
      });
    } catch (failure) {
      if (failure instanceof EffectMoved) throw failure;
      const log = boundLog(this.#environment.log, row.origin.trace);
      log.event('effect_callback_failed', { err: failure, effect: compiled.fullName });
    }
  }

  /** Leaves the outcome to an operator. @throws EffectMoved */
  async inDoubt(row: EffectRow, { compiled }: CompiledEffect): Promise<void> {
    await this.#environment.store.write((tx) => moveEffect(tx, row.key, [row.state], 'IN_DOUBT'));
    boundLog(this.#environment.log, row.origin.trace).event('effect_in_doubt', { effect: compiled.fullName, key: row.key });
  }

  async #write(row: EffectRow, name: string, write: (tx: Tx, work: UnitOfWork) => Promise<void>): Promise<void> {
    await this.#environment.store.write(
      async (tx) => {
        const work = this.#work(tx, row.origin);
        await write(tx, work);
        await work.flush();
      },
      { name, trace: row.origin.trace },
    );
  }

  #work(tx: Tx, { caller, trace, undoes }: EffectOrigin): UnitOfWork {
    return this.#environment.unitOfWork(tx, {
      caller,
      trace,
      cancellation: NEVER,
      ...(undoes ? { undoing: { reason: undoes.reason, result: undoes.result } } : {}),
    });
  }
}
