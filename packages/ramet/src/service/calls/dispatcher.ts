import type { CompiledContract, CompiledOperation } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import {
  type CallMeta,
  type Cancellation,
  type ClientFactory,
  type Dispatcher,
  declared,
  fault,
  type Reply,
  stopped,
} from '../../rpc/index.ts';
import { SAGAS_ENDED } from '../../saga/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import type { EventLog, Metrics } from '../../telemetry/index.ts';
import type { ChangeHub, Following } from '../changes.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { forgetSteps } from '../fences/ended-sagas.ts';
import { fenceOf } from '../fences/fences.ts';
import { Participant, type StepCall } from '../fences/participant.ts';
import type { Prepared } from '../handlers.ts';
import { boundLog, type UnitOfWork, type WorkOrigin } from '../unit-of-work.ts';
import type { Door } from './door.ts';
import { ReadingContext } from './read-context.ts';
import { answeredOnce, answerOf, earlierAnswer, noteRequest, type RequestId, refuseForgotten, requestId } from './requests.ts';
import { type LoopLag, type Priority, priorityOf, Shedder } from './shedding.ts';
import { StartGuard } from './start-guard.ts';

export interface DispatchEnvironment {
  readonly platform: Platform;
  readonly definition: ServiceDefinition;
  readonly contract: CompiledContract;
  readonly store: Store;
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly clients: ClientFactory;
  readonly changes: ChangeHub;
  readonly effects: ReadonlyMap<string, CompiledEffect>;
  readonly runner: EffectRunner;
  readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
  readonly lag: LoopLag;
  readonly door: Door;
  readonly onCall?: (operation: string, outcome: string, ms: number) => void;
  readonly onShed?: (priority: Priority) => void;
}

/** How long an effect asked for by a client is tried; one that a saga asked for has the step's deadline. */
const EFFECT_DEADLINE_MS = 60_000;

/** Runs the operations of one service: validates, runs the handler in its place, validates the answer. Never rejects. */
export function createDispatcher(environment: DispatchEnvironment): Dispatcher {
  const { platform, contract, store, door } = environment;
  const closed = stopped(contract.contract.name);
  const participant = new Participant(platform, store, environment.runner);
  const shedder = new Shedder(environment.lag);

  const command = async (compiled: CompiledOperation, input: unknown, meta: CallMeta, cancellation: Cancellation): Promise<Reply> => {
    const call = stepCall(environment, compiled, input, meta, cancellation);
    if (meta.step) return meta.step.undo ? participant.undo(call as StepCall) : participant.forward(call as StepCall);
    if (call.effect) return effectRequest(environment, call, call.effect);
    if (meta.key === undefined) {
      const prepared = await call.prepare();
      return store.write((tx) => call.run(tx, input, meta, prepared), {
        name: compiled.fullName,
      });
    }
    return keyedRequest(environment, call, meta.key);
  };

  const guard = new StartGuard(platform, store, environment.log);

  const run = (compiled: CompiledOperation, input: unknown, meta: CallMeta, cancellation: Cancellation): Promise<Reply> => {
    const key = meta.suspect ? startKey(compiled, meta) : undefined;
    if (key !== undefined)
      return guard.run({ operation: compiled.fullName, key, cancellation }, () => command(compiled, input, meta, cancellation));
    if (compiled.operation.kind === 'command') return command(compiled, input, meta, cancellation);
    return query(environment, compiled, input, meta, cancellation);
  };

  return {
    async call(operation, raw, meta, cancellation) {
      if (!door.enter()) return closed;
      if (operation === SAGAS_ENDED) return forgetSteps(store, meta.caller, raw).finally(() => door.leave());
      const startedMono = platform.clock.monoNow();
      const compiled = contract.operations.get(operation);
      const priority = priorityOf(compiled?.operation.kind ?? 'query', meta);
      const shed = shedder.enter(priority, startedMono);
      let reply: Reply;
      if (shed) {
        environment.onShed?.(priority);
        reply = fault(shed);
      } else {
        try {
          const input = admit(contract, compiled, operation, raw, meta);
          reply = await run(compiled as CompiledOperation, input, meta, cancellation);
        } catch (error) {
          reply = replyOfError(environment, compiled, operation, meta, error);
        }
      }
      const endedMono = platform.clock.monoNow();
      // An effect waits for another system, however much time this process has.
      if (!shed) shedder.leave(environment.effects.has(operation) ? undefined : endedMono - startedMono > meta.timeoutMs, endedMono);
      door.leave();
      environment.onCall?.(operation, reply.ok ? 'ok' : reply.kind === 'declared' ? reply.error : reply.code, endedMono - startedMono);
      return reply;
    },
    async *stream(operation, raw, meta, cancellation) {
      if (!door.enter()) return yield closed;
      const followed: Following[] = [];
      try {
        const compiled = contract.operations.get(operation);
        const input = admit(contract, compiled, operation, raw, meta);
        const handler = environment.definition.queries[operation] as (input: unknown, context: unknown) => AsyncIterable<unknown>;
        const context = new ReadingContext(environment, compiled as CompiledOperation, meta, cancellation, followed);
        for await (const answer of handler(input, context)) yield encoded(compiled as CompiledOperation, answer);
        await context.ended();
      } catch (error) {
        yield replyOfError(environment, contract.operations.get(operation), operation, meta, error);
      } finally {
        for (const following of followed) following.leave();
        door.leave();
      }
    },
  };
}

/** Under which key a command is repeated; undefined where its caller does not repeat it. */
function startKey({ operation, fullName }: CompiledOperation, { step, key }: CallMeta): string | undefined {
  if (operation.kind !== 'command') return undefined;
  if (step) return step.undo ? `${step.key}:undo` : step.key;
  return key === undefined ? undefined : `${fullName}/${key}`;
}

function admit(
  contract: CompiledContract,
  compiled: CompiledOperation | undefined,
  operation: string,
  raw: unknown,
  meta: CallMeta,
): unknown {
  if (!compiled) throw new RametError('UnknownOperation', `'${contract.contract.name}' has no operation '${operation}'`);
  const decoded = compiled.input.decode(raw);
  if (!decoded.ok)
    throw new RametError('BadRequest', `the input of ${compiled.fullName} does not fit its contract`, { issues: decoded.issues });
  if (compiled.operation.key === 'required' && meta.key === undefined && meta.step === undefined)
    throw new RametError('MissingIdempotencyKey');
  return decoded.value;
}

function encoded(compiled: CompiledOperation, answer: unknown): Reply {
  const decoded = compiled.output.decode(answer);
  if (!decoded.ok)
    throw new RametError('InvalidOutput', `the answer of ${compiled.fullName} does not fit its contract`, { issues: decoded.issues });
  return { ok: true, value: decoded.value };
}

async function query(
  environment: DispatchEnvironment,
  compiled: CompiledOperation,
  input: unknown,
  meta: CallMeta,
  cancellation: Cancellation,
): Promise<Reply> {
  const handler = environment.definition.queries[compiled.operation.name] as (input: unknown, context: unknown) => unknown;
  const followed: Following[] = [];
  try {
    const context = new ReadingContext(environment, compiled, meta, cancellation, followed);
    const answer = encoded(compiled, await handler(input, context));
    const ended = context.ended();
    if (ended) await ended;
    return answer;
  } finally {
    for (const following of followed) following.leave();
  }
}

/** A command bound to one call: what to prepare, and what to run in the transaction. */
function stepCall(
  environment: DispatchEnvironment,
  compiled: CompiledOperation,
  input: unknown,
  meta: CallMeta,
  cancellation: Cancellation,
): Omit<StepCall, 'meta'> & { meta: CallMeta } {
  const handler = environment.definition.commands[compiled.operation.name];
  const twoParts =
    typeof handler === 'object' && 'prepare' in handler ? (handler as Prepared<unknown, unknown, unknown, unknown, unknown>) : undefined;
  const body = twoParts?.run ?? (handler as (input: unknown, context: unknown) => unknown);
  return {
    compiled,
    input,
    meta,
    effect: environment.effects.get(compiled.operation.name),
    prepares: twoParts !== undefined,
    async prepare() {
      if (!twoParts) return undefined;
      const followed: Following[] = [];
      try {
        const context = new ReadingContext(environment, compiled, meta, cancellation, followed);
        const preparation = await twoParts.prepare(input, context);
        await context.ended();
        return preparation;
      } finally {
        for (const following of followed) following.leave();
      }
    },
    async run(tx, given, origin, preparation, undoing) {
      const work = environment.unitOfWork(tx, {
        caller: origin.caller,
        trace: origin.trace,
        cancellation,
        ...(undoing ? { undoing } : {}),
      });
      const answer = encoded(compiled, await body(given, work.context(compiled), preparation));
      await work.flush();
      return answer;
    },
  };
}

/**
 * A request under an idempotency key: the key is looked up first, then prepared for, then claimed in the transaction of the
 * effect. Where nothing is prepared, claiming it is looking it up.
 */
async function keyedRequest(
  { platform, store }: DispatchEnvironment,
  call: Omit<StepCall, 'meta'> & { meta: CallMeta },
  key: string,
): Promise<Reply> {
  const id = requestId(platform, call.compiled, call.meta.caller, key, call.input);
  const earlier = call.prepares ? await earlierAnswer(store.reader, id) : undefined;
  if (earlier?.answer) return earlier.answer;
  let preparation: unknown;
  let refusal: Reply | undefined;
  try {
    preparation = await call.prepare();
  } catch (error) {
    if (!declares(call.compiled, error)) throw error;
    refusal = declared(error);
  }
  return answeredOnce(
    store,
    id,
    call.compiled.fullName,
    call.meta.ageMs,
    async (tx) => refusal ?? (await answerOf(tx, call.compiled, () => call.run(tx, call.input, call.meta, preparation))),
  );
}

/** An effect asked for by a client: its request's key is the effect's key, so that a repeat joins the one that runs. */
async function effectRequest(
  { platform, store, runner }: DispatchEnvironment,
  call: Omit<StepCall, 'meta'> & { meta: CallMeta },
  effect: CompiledEffect,
): Promise<Reply> {
  const { key: clientKey, caller, trace } = call.meta;
  const id = clientKey === undefined ? undefined : requestId(platform, call.compiled, caller, clientKey, call.input);
  const key = id ? `req:${effectKey(platform, id)}` : `req:${Buffer.from(platform.random.bytes(16)).toString('hex')}`;
  if (id) await earlierAnswer(store.reader, id);
  const refused = await runner.begin(
    key,
    effect,
    call.input,
    { caller, trace },
    {
      epoch: 0,
      notAfterMs: call.meta.durable ? undefined : EFFECT_DEADLINE_MS,
      within: async (tx) => {
        if (id && !(await noteRequest(tx, id))) await earlierAnswer(tx, id);
        else if (id && !(await fenceOf(tx, key))) await refuseForgotten(tx, id, call.meta.ageMs);
        return undefined;
      },
    },
  );
  return refused ?? (await runner.answered(key)) ?? (await runner.join(key, call.meta.timeoutMs));
}

/**
 * One per principal, operation, key and body, whatever characters they are made of; the body too, because the effect is
 * remembered longer than the request. Hashed: it goes to the other system, whom the client's own key is nothing to.
 */
const effectKey = (platform: Platform, { operation, principal, key, bodyHash }: RequestId): string =>
  platform.crypto.sha256(JSON.stringify([operation, principal, key, bodyHash]));

/** A declared failure of another operation, let through by a handler, is no answer of this one: its callers do not know it. */
const declares = (compiled: CompiledOperation | undefined, error: unknown): error is DeclaredError =>
  error instanceof DeclaredError && compiled?.errors.has(error.error) === true;

const MISTAKES: ReadonlySet<string> = new Set(['TransactionFailed', 'TransactionClosed', 'TransactionIdle']);

function replyOfError(
  { contract, log }: DispatchEnvironment,
  compiled: CompiledOperation | undefined,
  operation: string,
  meta: CallMeta,
  error: unknown,
): Reply {
  if (declares(compiled, error)) return declared(error);
  const fullName = `${contract.contract.name}.${operation}`;
  if (error instanceof RametError) {
    // What may succeed later is reported by the caller that gives it up; a handler that does what it must not is reported at once.
    // A chain of calls that is too deep is known whole where it began.
    const isMistake = MISTAKES.has(error.code) || (error.code === 'CallTooDeep' && meta.depth <= 1);
    if (error.status >= 500 && (error.executed !== 'no' || isMistake))
      boundLog(log, meta.trace).event('operation_failed', { err: error, operation: fullName });
    return fault(error);
  }
  boundLog(log, meta.trace).event('handler_failed', { err: error, operation: fullName });
  return fault(new RametError('Internal', `${fullName} failed`, { cause: error }));
}
