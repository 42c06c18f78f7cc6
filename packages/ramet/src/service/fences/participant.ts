import type { CompiledOperation } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { type CallMeta, declared, fault, type Reply, type StepMeta } from '../../rpc/index.ts';
import { NoRowChanged, type Store, type Tx } from '../../store/index.ts';
import { answerOf } from '../calls/requests.ts';
import type { Undoing } from '../contexts.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { moveEffect } from './effect-rows.ts';
import {
  checkEpoch,
  doubtOf,
  type Fence,
  type Fenced,
  fenceOf,
  lockFence,
  mustRaiseFence,
  raiseFence,
  replyOf,
  setFence,
} from './fences.ts';

/** Runs a plain command's handler within `tx`, and answers encoded. `undoing` is set for an undo. */
export type RunCommand = (tx: Tx, input: unknown, meta: CallMeta, prepared: unknown, undoing?: Undoing) => Promise<Reply>;

export interface StepCall {
  readonly compiled: CompiledOperation;
  readonly input: unknown;
  readonly meta: CallMeta & { readonly step: StepMeta };
  /** Set for effects. */
  readonly effect: CompiledEffect | undefined;
  /** Whether {@link prepare} does anything. */
  readonly prepares: boolean;
  readonly prepare: () => Promise<unknown>;
  readonly run: RunCommand;
}

/** So much of its time a step leaves for the answer that its effect goes on. */
const ANSWER_MS = 50;
/** How long an undo waits for an effect to settle before it answers that it is under way. */
const PENDING_MS = 3_000;

/**
 * A service's side of sagas: every step leaves a fence in the transaction of its effect, so that it takes effect once however
 * often it is asked for, is undone once, and can never take effect after it was undone.
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

  async forward(call: StepCall): Promise<Reply> {
    const { step } = call.meta;
    const arrivedMono = this.#platform.clock.monoNow();
    // Where nothing is prepared, putting up the fence is looking whether there is one.
    const known = call.effect || call.prepares || call.meta.ageMs !== undefined ? await fenceOf(this.#store.reader, step.key) : undefined;
    if (known) {
      checkEpoch(known, step.epoch);
      return replyOf(known) ?? (await this.#joined(call, arrivedMono));
    }
    const doubt = await doubtOf(this.#store.reader, call.meta.ageMs);
    if (doubt) return doubt;
    if (call.effect) {
      const reply = await this.#effects.begin(step.key, call.effect, call.input, originOf(call.meta), {
        epoch: step.epoch,
        notAfterMs: step.remainingMs,
      });
      return reply ?? (await this.#joined(call, arrivedMono));
    }
    // A refusal by what prepares is as final as one by the command: it stops the attempts that are still on their way.
    let prepared: unknown;
    let refusal: Reply | undefined;
    try {
      prepared = await call.prepare();
    } catch (error) {
      if (!(error instanceof DeclaredError && call.compiled.errors.has(error.error))) throw error;
      refusal = declared(error);
    }
    try {
      return await this.#store.write(
        async (tx) => {
          mustRaiseFence(tx, 'DONE', fencedBy(call));
          const reply = refusal ?? (await answerOf(tx, call.compiled, () => call.run(tx, call.input, call.meta, prepared)));
          if (!reply.ok) setFence(tx, step.key, 'REJECTED', reply);
          else if (reply.value !== undefined) setFence(tx, step.key, 'DONE', reply);
          return reply;
        },
        { name: call.compiled.fullName },
      );
    } catch (error) {
      if (!(error instanceof NoRowChanged)) throw error;
      const fence = await fenceOf(this.#store.reader, step.key);
      if (!fence) return pending();
      checkEpoch(fence, step.epoch);
      return replyOf(fence) ?? (await this.#joined(call, arrivedMono));
    }
  }

  /** Answers a little before whoever asks gives up: an effect that takes its time must not look like a service that is gone. */
  #joined({ meta }: StepCall, arrivedMono: number): Promise<Reply> {
    const leftMs = meta.timeoutMs - Math.min(ANSWER_MS, meta.timeoutMs / 10) - (this.#platform.clock.monoNow() - arrivedMono);
    return this.#effects.join(meta.step.key, Math.max(0, leftMs), 'StepPending');
  }

  async undo(call: StepCall): Promise<Reply> {
    const { step } = call.meta;
    if (step.resolution) return this.#resolve(call, step.resolution);
    for (;;) {
      const next = await this.#store.write((tx) => this.#undoOnce(tx, call), { name: `${call.compiled.fullName} undoes` });
      if (next.kind === 'answer') return next.reply;
      const reply = next.kind === 'settling' ? await this.#settled(step.key) : await this.#undoByEffect(call, next.result);
      if (reply) return reply;
    }
  }

  async #undoOnce(
    tx: Tx,
    call: StepCall,
  ): Promise<{ kind: 'answer'; reply: Reply } | { kind: 'settling' } | { kind: 'effect'; result: unknown }> {
    const { step } = call.meta;
    const answer = (reply: Reply) => ({ kind: 'answer', reply }) as const;
    const doubt = await doubtOf(tx, call.meta.ageMs);
    if (doubt && !(await fenceOf(tx, step.key))) return answer(doubt);
    // Nothing happened, and now nothing can: the tombstone.
    if (await raiseFence(tx, 'CANCELLED', fencedBy(call))) return answer(OK);
    // Two who undo at the same time must not both find it done.
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
        if (call.effect) return { kind: 'effect', result };
        const reply = await answerOf(tx, call.compiled, () =>
          call.run(tx, call.input, call.meta, undefined, { reason: step.reason ?? 'undone', result }),
        );
        if (reply.ok) setFence(tx, step.key, 'UNDONE');
        return answer(reply);
      }
    }
  }

  /** Waits for the effect that is being cancelled. @returns undefined when it is settled and can be looked at again */
  async #settled(key: string): Promise<Reply | undefined> {
    const settled = await this.#effects.drive(key).wait(this.#platform, PENDING_MS);
    if (settled === undefined) return pending();
    if (!settled.ok && settled.kind === 'fault' && settled.code !== 'StepCancelled') return settled;
    return undefined;
  }

  /** The undo acts outside as well: it has a row of its own, and the step's turns UNDONE with its second transaction. */
  async #undoByEffect(call: StepCall, result: unknown): Promise<Reply> {
    const { step } = call.meta;
    const key = undoKey(step.key);
    const answered = await this.#effects.answered(key);
    if (answered && (answered.ok || answered.kind === 'fault')) return answered;
    const origin = { ...originOf(call.meta), undoes: { key: step.key, reason: step.reason ?? 'undone', result } };
    const begun = await this.#effects.begin(key, call.effect as CompiledEffect, call.input, origin, {
      epoch: step.epoch,
      notAfterMs: undefined,
    });
    if (begun) return begun;
    const failed = (error: unknown) =>
      fault(new RametError('Internal', `the undo failed and is retried: ${error instanceof Error ? error.message : String(error)}`));
    return (await this.#effects.drive(key).wait(this.#platform, PENDING_MS, failed)) ?? pending();
  }

  /** An operator has found out what became of an effect. */
  #resolve(call: StepCall, resolution: 'applied' | 'absent'): Promise<Reply> {
    const { step } = call.meta;
    return this.#store.write(async (tx): Promise<Reply> => {
      const fence = await lockFence(tx, step.key, step.epoch);
      if (!fence) {
        // It was forgotten, and from now on it is what the operator says.
        await raiseFence(tx, resolution === 'absent' ? 'CANCELLED' : 'DONE', fencedBy(call));
        return OK;
      }
      const undo = await fenceOf(tx, undoKey(step.key));
      if (resolution === 'absent') {
        if (fence.state === 'DONE') setFence(tx, step.key, 'UNDONE');
        else if (fence.state === 'IN_DOUBT' || fence.state === 'CANCELLING' || fence.state === 'STARTED')
          setFence(tx, step.key, 'CANCELLED');
        if (undo)
          tx.last(
            "update ramet_fences set state = 'CANCELLED', updated_at = ramet_now() where step_key = ? and state <> 'DONE'",
            undoKey(step.key),
          );
        return OK;
      }
      if (fence.state === 'IN_DOUBT') setFence(tx, step.key, 'DONE');
      // The undo is asked for again; what it did so far counts for nothing.
      if (undo) tx.last("delete from ramet_fences where step_key = ? and state not in ('DONE', 'STARTED')", undoKey(step.key));
      return OK;
    });
  }
}

const OK: Reply = { ok: true, value: undefined };
const undoKey = (key: string): string => `${key}:undo`;
const fencedBy = ({ compiled, meta: { step, caller } }: StepCall): Fenced => ({
  key: step.key,
  operation: compiled.operation.name,
  epoch: step.epoch,
  askedBy: caller.subject,
});
const originOf = (meta: CallMeta) => ({ caller: meta.caller, trace: meta.trace });

function pending(): Reply {
  return fault(new RametError('StepPending', 'the effect is being settled', { retryAfterMs: 1_000 }));
}
