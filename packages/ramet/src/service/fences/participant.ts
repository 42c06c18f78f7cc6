import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { type CallMeta, fault, type Reply, type StepMeta } from '../../rpc/index.ts';
import { NoRowChanged, type Store, type Tx } from '../../store/index.ts';
import type { CommandCall } from '../calls/command-call.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { moveEffect } from './effect-rows.ts';
import {
  cancelUndo,
  checkEpoch,
  doubtOf,
  type Fence,
  type Fenced,
  fenceOf,
  forgetUndo,
  lockFence,
  mustRaiseFence,
  raiseFence,
  replyOf,
  setFence,
  undoKeyOf,
} from './fences.ts';

/** How long before the timeout of a step it is answered that its effect is under way. */
const ANSWER_MS = 50;
/** How long an undo waits for an effect to end before it answers that the effect is under way. */
const PENDING_MS = 3_000;

/** The result of an undo's transaction: its answer, an effect that must end first, or an effect that undoes the step. */
type UndoStage =
  | { readonly kind: 'answer'; readonly reply: Reply }
  | { readonly kind: 'settling' }
  | { readonly kind: 'effect'; readonly effect: CompiledEffect; readonly result: unknown };

/**
 * A service's part in sagas. Every step writes a fence in its own transaction. So a step takes effect once, however many duplicates
 * arrive; it is undone once; and it can never take effect after it was undone.
 */
export class Participant {
  readonly #platform: Platform;
  readonly #store: Store;
  readonly #effects: EffectRunner;

  constructor(platform: Platform, store: Store, effects: EffectRunner) {
    this.#platform = platform;
    this.#store = store;
    this.#effects = effects;
  }

  async forward(call: CommandCall, step: StepMeta): Promise<Reply> {
    const arrivedMono = this.#platform.clock.monoNow();
    const { command, meta } = call;
    // Where nothing is prepared, raising the fence is the look-up.
    const known = command.effect || command.prepare || meta.ageMs !== undefined ? await fenceOf(this.#store.reader, step.key) : undefined;
    if (known) return this.#repeated(known, call, step, arrivedMono);
    const doubt = await doubtOf(this.#store.reader, meta.ageMs);
    if (doubt) return doubt;
    if (command.effect) {
      const effect = { key: step.key, compiled: command.effect, input: call.input, origin: originOf(meta) };
      const reply = await this.#effects.begin({ ...effect, epoch: step.epoch, notAfterMs: step.remainingMs });
      return reply ?? (await this.#joined(call, step, arrivedMono));
    }
    // A refusal by `prepare` is as final as one by `run`: it stops the attempts that are still on their way.
    const preparation = await call.prepared();
    try {
      return await this.#store.write(
        async (tx) => {
          mustRaiseFence(tx, 'DONE', fencedBy(call, step));
          const reply = await call.answer(tx, preparation);
          if (!reply.ok) setFence(tx, step.key, 'REJECTED', reply);
          else if (reply.value !== undefined) setFence(tx, step.key, 'DONE', reply);
          return reply;
        },
        { name: command.compiled.fullName, trace: meta.trace },
      );
    } catch (error) {
      if (!(error instanceof NoRowChanged)) throw error;
      const fence = await fenceOf(this.#store.reader, step.key);
      return fence ? this.#repeated(fence, call, step, arrivedMono) : pending();
    }
  }

  /** Answers a step that has a fence already. */
  async #repeated(fence: Fence, call: CommandCall, step: StepMeta, arrivedMono: number): Promise<Reply> {
    checkEpoch(fence, step.epoch);
    return replyOf(fence) ?? (await this.#joined(call, step, arrivedMono));
  }

  /** Answers shortly before the caller's timeout: a slow effect must not look like a service that is unavailable. */
  #joined({ meta }: CommandCall, { key }: StepMeta, arrivedMono: number): Promise<Reply> {
    const leftMs = meta.timeoutMs - Math.min(ANSWER_MS, meta.timeoutMs / 10) - (this.#platform.clock.monoNow() - arrivedMono);
    return this.#effects.join(key, Math.max(0, leftMs), 'StepPending');
  }

  async undo(call: CommandCall, step: StepMeta): Promise<Reply> {
    if (step.resolution) return this.#resolve(call, step, step.resolution);
    for (;;) {
      const next = await this.#store.write((tx) => this.#undoOnce(tx, call, step), {
        name: `${call.command.compiled.fullName} undoes`,
        trace: call.meta.trace,
      });
      if (next.kind === 'answer') return next.reply;
      const reply = next.kind === 'settling' ? await this.#settled(step.key) : await this.#undoByEffect(call, step, next);
      if (reply) return reply;
    }
  }

  async #undoOnce(tx: Tx, call: CommandCall, step: StepMeta): Promise<UndoStage> {
    const answer = (reply: Reply) => ({ kind: 'answer', reply }) as const;
    const doubt = await doubtOf(tx, call.meta.ageMs);
    if (doubt && !(await fenceOf(tx, step.key))) return answer(doubt);
    // Nothing has happened, and nothing can any more: the tombstone.
    if (await raiseFence(tx, 'CANCELLED', fencedBy(call, step))) return answer(OK);
    // Two undos at the same time must not both find the step done.
    const fence = (await lockFence(tx, step.key, step.epoch)) as Fence;
    switch (fence.state) {
      case 'CANCELLED':
      case 'UNDONE':
      case 'REJECTED':
        return answer(OK);
      case 'STARTED':
      case 'IN_DOUBT':
        await moveEffect(tx, step.key, [fence.state], 'CANCELLING');
        return { kind: 'settling' };
      case 'CANCELLING':
        return { kind: 'settling' };
      case 'DONE': {
        const result = fence.result?.ok ? fence.result.value : undefined;
        const { effect } = call.command;
        if (effect) return { kind: 'effect', effect, result };
        const reply = await call.answer(tx, { value: undefined }, { reason: step.reason ?? 'undone', result });
        if (reply.ok) setFence(tx, step.key, 'UNDONE');
        return answer(reply);
      }
    }
  }

  /** Waits for an effect that is being cancelled. @returns undefined when it has ended and the fence can be looked at again */
  async #settled(key: string): Promise<Reply | undefined> {
    const settled = await this.#effects.run(key).wait(this.#platform, PENDING_MS);
    if (settled === undefined) return pending();
    if (!settled.ok && settled.kind === 'fault' && settled.code !== 'StepCancelled') return settled;
    return undefined;
  }

  /** Undoes a step by an effect. The undo has its own fence; its second transaction turns the step's fence UNDONE. */
  async #undoByEffect(
    { input, meta }: CommandCall,
    step: StepMeta,
    { effect, result }: Extract<UndoStage, { kind: 'effect' }>,
  ): Promise<Reply> {
    const key = undoKeyOf(step.key);
    const answered = await this.#effects.answered(key);
    if (answered && (answered.ok || answered.kind === 'fault')) return answered;
    const origin = { ...originOf(meta), undoes: { key: step.key, reason: step.reason ?? 'undone', result } };
    const begun = await this.#effects.begin({ key, compiled: effect, input, origin, epoch: step.epoch, notAfterMs: undefined });
    if (begun) return begun;
    const failed = (error: unknown) =>
      fault(new RametError('Internal', `the undo failed and is retried: ${error instanceof Error ? error.message : String(error)}`));
    return (await this.#effects.run(key).wait(this.#platform, PENDING_MS, failed)) ?? pending();
  }

  /** Writes what an operator found out about an effect. */
  #resolve(call: CommandCall, step: StepMeta, resolution: 'applied' | 'absent'): Promise<Reply> {
    return this.#store.write(async (tx): Promise<Reply> => {
      const fence = await lockFence(tx, step.key, step.epoch);
      if (!fence) {
        // The fence was forgotten; the operator decides.
        await raiseFence(tx, resolution === 'absent' ? 'CANCELLED' : 'DONE', fencedBy(call, step));
        return OK;
      }
      const undo = await fenceOf(tx, undoKeyOf(step.key));
      if (resolution === 'absent') {
        if (fence.state === 'DONE') setFence(tx, step.key, 'UNDONE');
        else if (fence.state === 'IN_DOUBT' || fence.state === 'CANCELLING' || fence.state === 'STARTED')
          setFence(tx, step.key, 'CANCELLED');
        if (undo) cancelUndo(tx, step.key);
        return OK;
      }
      if (fence.state === 'IN_DOUBT') setFence(tx, step.key, 'DONE');
      // The undo is tried again from the beginning.
      if (undo) forgetUndo(tx, step.key);
      return OK;
    });
  }
}

const OK: Reply = { ok: true, value: undefined };
const fencedBy = ({ command, meta: { caller } }: CommandCall, step: StepMeta): Fenced => ({
  key: step.key,
  operation: command.compiled.operation.name,
  epoch: step.epoch,
  askedBy: caller.subject,
});
const originOf = (meta: CallMeta) => ({ caller: meta.caller, trace: meta.trace });

function pending(): Reply {
  return fault(new RametError('StepPending', 'the effect is under way; its outcome is being found out', { retryAfterMs: 1_000 }));
}
