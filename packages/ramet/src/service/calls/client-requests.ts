import type { Platform } from '../../platform/index.ts';
import type { Reply } from '../../rpc/index.ts';
import type { Store } from '../../store/index.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { fenceOf } from '../fences/fences.ts';
import type { CommandCall } from './command-call.ts';
import { answeredOnce, earlierAnswer, noteRequest, type RequestId, refuseForgotten, requestId } from './requests.ts';

interface RequestEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly runner: EffectRunner;
}

/** How long the effect of a client's request is attempted; the effect of a saga's step has the step's deadline. */
const EFFECT_DEADLINE_MS = 60_000;

/**
 * Answers a request under an idempotency key: the key is looked up first, then the command prepares, then the key is claimed in
 * the command's transaction. Where nothing is prepared, the claim is the look-up.
 */
export async function keyedRequest({ platform, store }: RequestEnvironment, call: CommandCall, key: string): Promise<Reply> {
  const { command, input, meta } = call;
  const { compiled } = command;
  const id = requestId(platform, compiled, meta.caller, key, input);
  const earlier = command.prepare ? await earlierAnswer(store.reader, id) : undefined;
  if (earlier?.answer) return earlier.answer;
  const preparation = await call.prepared();
  return answeredOnce(store, id, { name: compiled.fullName, trace: meta.trace }, meta.ageMs, (tx) => call.answer(tx, preparation));
}

/** Answers a client's request for an effect: the request's key is the effect's key, so that a repeat joins the effect under way. */
export async function effectRequest(
  { platform, store, runner }: RequestEnvironment,
  { command: { compiled }, input, meta }: CommandCall,
  effect: CompiledEffect,
): Promise<Reply> {
  const { key: clientKey, caller, trace, ageMs } = meta;
  const id = clientKey === undefined ? undefined : requestId(platform, compiled, caller, clientKey, input);
  const key = id ? `req:${effectKey(platform, id)}` : `req:${Buffer.from(platform.random.bytes(16)).toString('hex')}`;
  if (id) await earlierAnswer(store.reader, id);
  const refused = await runner.begin({
    key,
    compiled: effect,
    input,
    origin: { caller, trace },
    epoch: 0,
    notAfterMs: meta.durable ? undefined : EFFECT_DEADLINE_MS,
    within: async (tx) => {
      if (id && !(await noteRequest(tx, id))) await earlierAnswer(tx, id);
      else if (id && !(await fenceOf(tx, key))) await refuseForgotten(tx, id, ageMs);
    },
  });
  return refused ?? (await runner.answered(key)) ?? (await runner.join(key, meta.timeoutMs));
}

/**
 * One key per principal, operation, client's key and body, whatever characters they contain; the body too, because the effect is
 * remembered longer than the request. It is hashed because it goes to the other system, which must not learn the client's key.
 */
const effectKey = (platform: Platform, { operation, principal, key, bodyHash }: RequestId): string =>
  platform.crypto.sha256(JSON.stringify([operation, principal, key, bodyHash]));
