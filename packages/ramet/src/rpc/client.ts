import type { Operation } from '../contract/index.ts';
import { DeclaredError, RametError } from '../errors/index.ts';
import { backoffMs, type Duration, durationMs, type Platform } from '../platform/index.ts';
import { type CallMeta, errorOf, type Fault, fault, type Reply, type StepMeta, type TransportRoutes } from './call.ts';
import { Canceller } from './cancellation.ts';
import { Bulkhead, type CompiledPolicy, RETRY_BACKOFF } from './policy.ts';

/** What one call may change of its policy. */
export interface CallOptions {
  readonly timeout?: Duration;
  /** Answered instead of a fault; declared failures are answers and pass through. */
  readonly fallback?: unknown;
  /** Makes a command safe to repeat: the same key has one effect. */
  readonly key?: string;
}

/** As the saga engine calls: it has its own retries, and marks the call as a step. */
export interface EdgeOptions extends CallOptions {
  readonly timeoutMs?: number;
  readonly step?: StepMeta;
  readonly durable?: boolean;
}

type Called = Pick<Operation, 'kind' | 'service' | 'name'>;

/** Where a call comes from: what it inherits. */
export interface CallOrigin {
  readonly meta: Omit<CallMeta, 'timeoutMs' | 'key' | 'step'>;
  /** Milliseconds until the caller's own deadline; Infinity where it has none. */
  remainingMs(): number;
  /** Aborts when the caller goes away; asked for only while a call is under way. */
  readonly signal: AbortSignal | undefined;
}

/** Chains longer than this are cycles. */
const DEPTH_MAX = 8;
/** What a hop takes of the remaining time, so that whoever is called gives up before its caller does. */
const HOP_MS = 1;

/**
 * One edge of the declared graph: a caller's way to one service, with its policies. Deadline first (it bounds everything),
 * then retry, then bulkhead around each attempt.
 */
export class Edge {
  readonly #platform: Platform;
  readonly #transport: TransportRoutes;
  readonly #policy: CompiledPolicy;
  readonly #bulkhead: Bulkhead;
  readonly #name: string;

  constructor(platform: Platform, transport: TransportRoutes, name: string, policy: CompiledPolicy) {
    this.#platform = platform;
    this.#transport = transport;
    this.#policy = policy;
    this.#name = name;
    this.#bulkhead = new Bulkhead(policy.bulkhead);
  }

  get busy(): number {
    return this.#bulkhead.busy;
  }

  /** Calls and answers with the reply, whatever it is. Retries only what is safe to repeat. */
  async call(operation: Called, input: unknown, origin: CallOrigin, options: EdgeOptions = {}): Promise<Reply> {
    if (origin.meta.depth >= DEPTH_MAX) return fault(new RametError('CallTooDeep'));
    const retries = options.step ? 0 : this.#policy.retries;
    const repeatable = operation.kind === 'query' || options.key !== undefined;
    const budgetMs = Math.min(
      options.timeoutMs ?? (options.timeout === undefined ? this.#policy.timeoutMs : durationMs(options.timeout)),
      origin.remainingMs(),
    );
    const deadlineMono = this.#platform.clock.monoNow() + budgetMs;
    // What one attempt may have done, no later one takes back.
    let executed: Fault['executed'] = 'no';
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#attempt(operation, input, origin, options, deadlineMono);
      if (reply.ok || reply.kind === 'declared') return reply;
      if (reply.executed === 'unknown') executed = 'unknown';
      const told = reply.executed === executed ? reply : { ...reply, executed };
      if (!errorOf(told).retryable || attempt > retries || !(repeatable || executed === 'no')) return told;
      const waitMs = Math.max(reply.retryAfterMs ?? 0, backoffMs(this.#platform, RETRY_BACKOFF, attempt));
      if (this.#platform.clock.monoNow() + waitMs >= deadlineMono) return told;
      await this.#platform.timers.sleep(waitMs, origin.signal).catch(() => {});
    }
  }

  async #attempt(target: Called, input: unknown, origin: CallOrigin, options: EdgeOptions, deadlineMono: number): Promise<Reply> {
    const remainingMs = deadlineMono - this.#platform.clock.monoNow();
    const { signal } = origin;
    if (signal?.aborted) return fault(new RametError('Cancelled', undefined, { executed: 'no' }));
    if (remainingMs <= HOP_MS)
      return fault(new RametError('DeadlineExceeded', `no time was left to call ${this.#name}`, { executed: 'no' }));
    const canceller = new Canceller();
    let ended: RametError | undefined;
    let giveUp: ((error: RametError) => void) | undefined;
    let settle: ((reply: Reply) => void) | undefined;
    const end = (error: RametError) => {
      ended = error;
      giveUp?.(notExecuted(error));
      canceller.cancel(error);
      settle?.(fault(error));
    };
    const timer = this.#platform.timers.set(remainingMs, () =>
      end(new RametError('DeadlineExceeded', `${this.#name}.${target.name} did not answer in ${Math.round(remainingMs)} ms`)),
    );
    const onAbort = () => end(new RametError('Cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (!this.#bulkhead.tryEnter()) {
        await this.#bulkhead.enter(this.#name, (cancel) => {
          giveUp = cancel;
        });
      }
      try {
        // The place may have come in the same moment as the end.
        if (ended) return fault(notExecuted(ended));
        const meta: CallMeta = {
          ...origin.meta,
          depth: origin.meta.depth + 1,
          timeoutMs: Math.max(0, deadlineMono - this.#platform.clock.monoNow() - HOP_MS),
          ...(options.key === undefined ? {} : { key: options.key }),
          ...(options.step === undefined ? {} : { step: options.step }),
          ...(options.durable ? { durable: true } : {}),
        };
        return await new Promise<Reply>((resolve, reject) => {
          settle = resolve;
          this.#transport.call({ service: target.service, operation: target.name }, input, meta, canceller).then(resolve, reject);
        });
      } finally {
        this.#bulkhead.leave();
      }
    } catch (error) {
      return fault(this.#known(error));
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Opens a stream. The policy's timeout bounds the time to the first answer, not the whole. Leaving early, or the caller
   * going away, cancels the handler and waits for nothing.
   */
  async *stream(operation: Called, input: unknown, origin: CallOrigin): AsyncGenerator<unknown> {
    const { signal } = origin;
    if (origin.meta.depth >= DEPTH_MAX) throw new RametError('CallTooDeep');
    if (signal?.aborted) throw new RametError('Cancelled', undefined, { executed: 'no' });
    const canceller = new Canceller();
    let ended: RametError | undefined;
    let giveUp: ((error: RametError) => void) | undefined;
    const end = (error: RametError) => {
      ended ??= error;
      canceller.cancel(error);
      giveUp?.(error);
    };
    const onAbort = () => end(new RametError('Cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const firstMs = Math.min(this.#policy.timeoutMs, origin.remainingMs());
    const timer = this.#platform.timers.set(firstMs, () =>
      end(new RametError('DeadlineExceeded', `${this.#name}.${operation.name} did not begin to answer in ${Math.round(firstMs)} ms`)),
    );
    const meta: CallMeta = { ...origin.meta, depth: origin.meta.depth + 1, timeoutMs: Number.MAX_SAFE_INTEGER };
    const target = { service: operation.service, operation: operation.name };
    const replies = this.#transport.stream(target, input, meta, canceller)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await new Promise<IteratorResult<Reply>>((resolve, reject) => {
          giveUp = reject;
          if (ended) reject(ended);
          else replies.next().then(resolve, (error: unknown) => reject(this.#known(error)));
        });
        timer.cancel();
        if (next.done) return;
        yield unwrap(next.value);
      }
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      canceller.cancel(new RametError('Cancelled'));
      replies.return?.().then(undefined, () => {});
    }
  }

  /** Transports and dispatchers answer with replies; one that breaks this promise is a fault like another. */
  #known(error: unknown): RametError {
    return error instanceof RametError ? error : new RametError('Internal', `${this.#name} cannot be called`, { cause: error });
  }
}

const notExecuted = (error: RametError): RametError => new RametError(error.code, error.message, { executed: 'no' });

/** The value of a reply. @throws DeclaredError | RametError when it is none */
export function unwrap(reply: Reply): unknown {
  if (reply.ok) return reply.value;
  if (reply.kind === 'declared') throw new DeclaredError(reply.error, reply.status, reply.data);
  throw errorOf(reply);
}
