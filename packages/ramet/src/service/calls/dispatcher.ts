import type { CompiledContract, CompiledOperation } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import { type CallMeta, type Cancellation, type Dispatcher, declared, fault, type Reply, replyOutcome, stopped } from '../../rpc/index.ts';
import { SAGAS_ENDED } from '../../saga/index.ts';
import { type Instrument, type Span, Works } from '../../telemetry/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { forgetSteps } from '../fences/ended-sagas.ts';
import { undoKeyOf } from '../fences/fences.ts';
import { Participant } from '../fences/participant.ts';
import { boundLog } from '../unit-of-work.ts';
import { effectRequest, keyedRequest } from './client-requests.ts';
import { type Command, CommandCall, type CommandEnvironment, commandsOf, encoded } from './command-call.ts';
import type { Door } from './door.ts';
import { ReadingContext } from './read-context.ts';
import { type LoopLag, priorityOf, Shedder } from './shedding.ts';
import { StartGuard } from './start-guard.ts';

/** What a dispatcher works with. */
export interface DispatchEnvironment extends CommandEnvironment {
  readonly definition: ServiceDefinition;
  readonly contract: CompiledContract;
  readonly effects: ReadonlyMap<string, CompiledEffect>;
  readonly runner: EffectRunner;
  readonly lag: LoopLag;
  readonly door: Door;
  readonly instrument: Instrument;
}

/** Makes the dispatcher of a service: it validates the input, runs the handler, and validates the answer. It never rejects. */
export function createDispatcher(environment: DispatchEnvironment): Dispatcher {
  const { platform, contract, store, door, instrument } = environment;
  const service = contract.contract.name;
  const refusal = door.refusal ?? (() => stopped(service));
  const works = worksOf(contract);
  const participant = new Participant(platform, store, environment.runner);
  const shedder = new Shedder(environment.lag);
  const commands = commandsOf(contract, environment.definition, environment.effects);
  const guard = new StartGuard(platform, store, environment.log);

  const runCommand = async (command: Command, input: unknown, meta: CallMeta, cancellation: Cancellation): Promise<Reply> => {
    const call = new CommandCall(environment, command, input, meta, cancellation);
    if (meta.step) return meta.step.undo ? participant.undo(call, meta.step) : participant.forward(call, meta.step);
    if (command.effect) return effectRequest(environment, call, command.effect);
    if (meta.key !== undefined) return keyedRequest(environment, call, meta.key);
    const preparation = await call.prepared();
    if ('refusal' in preparation) return preparation.refusal;
    return store.write((tx) => call.run(tx, preparation.value), { name: command.compiled.fullName, trace: meta.trace });
  };

  const run = (compiled: CompiledOperation, input: unknown, meta: CallMeta, cancellation: Cancellation): Promise<Reply> => {
    const command = commands.get(compiled.operation.name);
    if (!command) return query(environment, compiled, input, meta, cancellation);
    const key = meta.suspect ? startKey(compiled, meta) : undefined;
    if (key === undefined) return runCommand(command, input, meta, cancellation);
    return guard.run({ operation: compiled.fullName, key, cancellation }, () => runCommand(command, input, meta, cancellation));
  };

  return {
    async call(operation, raw, asked, cancellation) {
      if (!door.enter()) return refusal();
      if (operation === SAGAS_ENDED) return forgetSteps(store, asked.caller, raw).finally(() => door.leave());
      const startedMono = platform.clock.monoNow();
      const compiled = contract.operations.get(operation);
      const span = instrument.begin(works.call(operation), asked.trace, asked.step?.key ?? asked.key);
      const meta = within(asked, span);
      const priority = priorityOf(compiled?.operation.kind ?? 'query', meta);
      const shed = shedder.enter(priority, startedMono);
      let reply: Reply;
      if (shed) {
        instrument.note?.({ what: 'call shed', service, priority });
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
      // An effect waits for another system, so its duration says nothing about the load of this process.
      if (!shed) shedder.leave(environment.effects.has(operation) ? undefined : endedMono - startedMono > meta.timeoutMs, endedMono);
      door.leave();
      span.end(replyOutcome(reply), reply.ok ? undefined : reply);
      return reply;
    },
    async *stream(operation, raw, asked, cancellation) {
      if (!door.enter()) return yield refusal();
      const compiled = contract.operations.get(operation);
      const span = instrument.begin(works.stream(operation), asked.trace);
      const meta = within(asked, span);
      let context: ReadingContext | undefined;
      let outcome = 'Cancelled';
      try {
        const input = admit(contract, compiled, operation, raw, meta);
        const handler = environment.definition.queries[operation] as (input: unknown, context: unknown) => AsyncIterable<unknown>;
        context = new ReadingContext(environment, compiled as CompiledOperation, meta, cancellation);
        for await (const answer of handler(input, context)) yield encoded(compiled as CompiledOperation, answer);
        await context.ended();
        outcome = 'ok';
      } catch (error) {
        const reply = replyOfError(environment, compiled, operation, meta, error);
        outcome = replyOutcome(reply);
        yield reply;
      } finally {
        span.end(outcome);
        context?.leave();
        door.leave();
      }
    },
  };
}

/** Returns the kinds of work of a service. An operation name that it does not have comes from the caller, and is not kept. */
function worksOf({ contract: { name }, operations }: CompiledContract) {
  const calls = new Works('operation', 'service', 'operation');
  const streams = new Works('stream', 'service', 'operation');
  const of = (works: typeof calls, operation: string) =>
    operations.has(operation) ? works.of(name, operation) : works.once(name, operation);
  return { call: (operation: string) => of(calls, operation), stream: (operation: string) => of(streams, operation) };
}

/** Returns a call as the work that it causes sees it: with its own span as the parent. */
function within(meta: CallMeta, span: Span): CallMeta {
  const trace = span.under(meta.trace);
  return trace === meta.trace ? meta : { ...meta, trace };
}

/** Returns the key under which the caller repeats a command; undefined if it does not repeat it. */
function startKey({ fullName }: CompiledOperation, { step, key }: CallMeta): string | undefined {
  if (step) return step.undo ? undoKeyOf(step.key) : step.key;
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

async function query(
  environment: DispatchEnvironment,
  compiled: CompiledOperation,
  input: unknown,
  meta: CallMeta,
  cancellation: Cancellation,
): Promise<Reply> {
  const handler = environment.definition.queries[compiled.operation.name] as (input: unknown, context: unknown) => unknown;
  const context = new ReadingContext(environment, compiled, meta, cancellation);
  try {
    const answer = encoded(compiled, await handler(input, context));
    const ended = context.ended();
    if (ended) await ended;
    return answer;
  } finally {
    context.leave();
  }
}

/** Whether an error is a declared failure of this operation. Callers do not know the failures of other operations that its handler called. */
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
    // The caller that gives up reports what may succeed later. A mistake of a handler is reported at once.
    // The first call of a chain that is too deep knows all of the chain.
    const isMistake = MISTAKES.has(error.code) || (error.code === 'CallTooDeep' && meta.depth <= 1);
    if (error.status >= 500 && (error.executed !== 'no' || isMistake))
      boundLog(log, meta.trace).event('operation_failed', { err: error, operation: fullName });
    return fault(error);
  }
  boundLog(log, meta.trace).event('handler_failed', { err: error, operation: fullName });
  return fault(new RametError('Internal', `${fullName} failed`, { cause: error }));
}
