import { DeclaredError, ERRORS, RametError, whenUnawaited } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Instrument } from '../telemetry/index.ts';
import { type CallMeta, type DeclaredReply, errorOf, type Fault, fault, type Reply, replyOutcome } from './call.ts';
import { Canceller } from './cancellation.ts';
import type { Called, CallOrigin, EdgeOptions } from './origin.ts';
import type { Outbound, TargetState } from './outbound.ts';
import type { Breaker } from './policies/breaker.ts';
import { Bulkhead } from './policies/bulkhead.ts';
import { tell, type Verdict, verdictOf } from './policies/failures.ts';
import type { CompiledPolicy } from './policies/policy.ts';
import { type CallPath, circuitOpen, RunningCall } from './running-call.ts';
import type { TransportRoutes } from './transport.ts';

/** A chain of calls longer than this is a cycle. */
const DEPTH_MAX = 8;
const NO_OPTIONS: EdgeOptions = {};
/**
 * One edge of the declared graph: the calls of one caller to one service, under its policies. The deadline bounds everything;
 * inside it is the retry, and around each attempt the bulkhead and the breaker.
 */
export class Edge {
  readonly #policy: CompiledPolicy;
  readonly #path: CallPath;

  /**
   * @param outbound what the edges of the caller have in common
   * @param name of the service that is called
   * @param judge reads what a value says about the other side, where there are values that are not a success
   */
  constructor(outbound: Outbound, transport: TransportRoutes, name: string, policy: CompiledPolicy, judge?: CallPath['judge']) {
    const { platform, deadlines, instrument } = outbound;
    const target = outbound.to(name, policy.breaker);
    this.#policy = policy;
    this.#path = { platform, transport, deadlines, instrument, target, bulkhead: new Bulkhead(policy.bulkhead), name, policy, judge };
  }

  get busy(): number {
    return this.#path.bulkhead.busy;
  }

  /** Calls, and resolves with the reply, whether it is a value or a failure. Retries only calls that are safe to repeat. */
  call(operation: Called, input: unknown, origin: CallOrigin, options: EdgeOptions = NO_OPTIONS): Promise<Reply> {
    return new Promise((resolve) => this.#begin(operation, input, origin, options, resolve));
  }

  /** Calls, and resolves with the value, without a second promise. @throws DeclaredError | RametError */
  value(operation: Called, input: unknown, origin: CallOrigin, options: EdgeOptions = NO_OPTIONS): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.#begin(operation, input, origin, options, (reply) =>
        reply.ok ? resolve(reply.value) : reject(this.noted(operation, failureOf(reply, operation))),
      ),
    );
  }

  /** Reads the value of a reply. @throws DeclaredError | RametError when the reply is a failure */
  unwrap(operation: Called, reply: Reply): unknown {
    if (reply.ok) return reply.value;
    throw this.noted(operation, failureOf(reply, operation));
  }

  /** Reports the error of a failed call if no code awaits it; the process continues. @returns the error */
  noted<E>({ name }: Called, error: E): E {
    const { instrument, target } = this.#path;
    return whenUnawaited(error, () => instrument.note?.({ what: 'unawaited', edge: target.edge, operation: name, error }));
  }

  #begin(operation: Called, input: unknown, origin: CallOrigin, options: EdgeOptions, onReply: (reply: Reply) => void): void {
    if (origin.meta.depth >= DEPTH_MAX) {
      onReply(fault(new RametError('CallTooDeep')));
      return;
    }
    new RunningCall(this.#path, operation, input, origin, options).begin(onReply);
  }

  /** Reports that a fallback replaced a fault. */
  fellBack(operation: Called, code: string): void {
    const { instrument, target } = this.#path;
    instrument.note?.({ what: 'fallback', edge: target.edge, operation: operation.name, code });
  }

  /**
   * Opens a stream. The timeout of the policy bounds the time to the first answer, not the whole stream. When the reader leaves
   * early, or the caller is cancelled, the handler is cancelled and not awaited.
   */
  async *stream(operation: Called, input: unknown, origin: CallOrigin): AsyncGenerator<unknown> {
    const { platform, transport, target: state, instrument, name } = this.#path;
    const { signal } = origin;
    if (origin.meta.depth >= DEPTH_MAX) throw this.noted(operation, failureOf(fault(new RametError('CallTooDeep')), operation));
    if (signal?.aborted) throw this.noted(operation, new RametError('Cancelled', undefined, { executed: 'no' }));
    const attempt = new StreamAttempt(platform, state, operation.name, instrument);
    const { trace } = origin.meta;
    const span = instrument.begin(state.operation(operation.name).call, trace);
    let outcome = 'Cancelled';
    const canceller = new Canceller();
    let ended: RametError | undefined;
    let giveUp: ((error: RametError) => void) | undefined;
    const end = (error: RametError) => {
      ended ??= error;
      attempt.ended(error);
      canceller.cancel(error);
      giveUp?.(error);
    };
    const onAbort = () => end(new RametError('Cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const firstMs = Math.min(this.#policy.timeoutMs, origin.remainingMs());
    const timer = platform.timers.set(firstMs, () =>
      end(new RametError('DeadlineExceeded', `${name}.${operation.name} did not begin to answer in ${Math.round(firstMs)} ms`)),
    );
    const meta: CallMeta = { ...origin.meta, trace: span.under(trace), depth: origin.meta.depth + 1, timeoutMs: Number.MAX_SAFE_INTEGER };
    const target = { service: operation.service, operation: operation.name };
    const replies = transport.stream(target, input, meta, canceller)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await new Promise<IteratorResult<Reply>>((resolve, reject) => {
          giveUp = reject;
          if (ended) reject(ended);
          else replies.next().then(resolve, (error: unknown) => reject(this.#known(error)));
        });
        timer.cancel();
        attempt.answered(next.done ? undefined : next.value);
        outcome = next.done ? 'ok' : replyOutcome(next.value);
        if (next.done) return;
        yield this.unwrap(operation, next.value);
        outcome = 'Cancelled';
      }
    } catch (error) {
      const known = this.#known(error);
      if (!(error instanceof DeclaredError)) outcome = known.code;
      attempt.ended(known);
      throw this.noted(operation, error);
    } finally {
      timer.cancel();
      span.end(outcome);
      attempt.ended(new RametError('Cancelled'));
      signal?.removeEventListener('abort', onAbort);
      canceller.cancel(new RametError('Cancelled'));
      replies.return?.().then(undefined, () => {});
    }
  }

  /** Transports and dispatchers must answer with replies. An error from one that does not becomes a fault. */
  #known(error: unknown): RametError {
    return error instanceof RametError ? error : new RametError('Internal', `${this.#path.name} cannot be called`, { cause: error });
  }
}

/** Reports the beginning of a stream to the breaker. */
class StreamAttempt {
  readonly #platform: Platform;
  readonly #breaker: Breaker | undefined;
  #generation: number | undefined;

  /** @throws RametError CircuitOpen */
  constructor(platform: Platform, target: TargetState, operation: string, instrument: Instrument) {
    this.#platform = platform;
    this.#breaker = target.operation(operation).breaker;
    const openMs = this.#breaker?.enter(platform.clock.monoNow()) ?? 0;
    if (openMs > 0) {
      instrument.note?.({ what: 'rejected', edge: target.edge, operation, code: 'CircuitOpen' });
      throw circuitOpen(target.target, operation, openMs);
    }
    this.#generation = this.#breaker?.generation;
  }

  answered(reply: Reply | undefined): void {
    this.#tell(reply ? verdictOf(reply) : 'succeeded');
  }

  ended(error: RametError): void {
    this.#tell(verdictOf(fault(error)));
  }

  #tell(verdict: Verdict): void {
    if (this.#generation === undefined) return;
    tell(this.#breaker, this.#generation, verdict, this.#platform.clock.monoNow());
    this.#generation = undefined;
  }
}

/** Reads the value of a reply. @throws DeclaredError | RametError when the reply is a failure */
export function unwrap(reply: Reply, called?: Called): unknown {
  if (reply.ok) return reply.value;
  throw failureOf(reply, called);
}

const failureOf = (reply: DeclaredReply | Fault, called?: Called): DeclaredError | RametError =>
  reply.kind === 'declared'
    ? new DeclaredError(reply.error, reply.status, reply.data, called?.shown?.(reply.error, reply.data))
    : errorOf(called && reply.code === 'CallTooDeep' ? chained(reply, called) : reply);

/** Builds the text of a chain that was too deep on the way back: each caller adds the operation that it called. */
function chained(reply: Fault, { service, name }: Called): Fault {
  const { title } = ERRORS.CallTooDeep;
  const rest = reply.detail.startsWith(`${title}: `) ? ` > ${reply.detail.slice(title.length + 2)}` : '';
  return { ...reply, detail: `${title}: ${service}.${name}${rest}` };
}
