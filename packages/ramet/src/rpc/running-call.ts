import { RametError } from '../errors/index.ts';
import type { Waiting } from '../load/index.ts';
import { backoffMs, durationMs, type Platform, type Timer } from '../platform/index.ts';
import { type Instrument, NO_SPAN, type Span, type Trace } from '../telemetry/index.ts';
import { type CallMeta, type Fault, fault, type Reply, replyOutcome } from './call.ts';
import { Canceller } from './cancellation.ts';
import type { Called, CallOrigin, EdgeOptions } from './origin.ts';
import type { OperationState, TargetState } from './outbound.ts';
import type { Bulkhead } from './policies/bulkhead.ts';
import type { Deadline, Deadlines } from './policies/deadlines.ts';
import { mayPass, tell, type Verdict, verdictOf } from './policies/failures.ts';
import type { Chosen } from './policies/instances.ts';
import { type CompiledPolicy, RETRY_BACKOFF } from './policies/policy.ts';
import type { TransportRoutes } from './transport.ts';

/** What each hop takes off the remaining time, so that a service gives up before its caller. */
const HOP_MS = 1;

/** What all calls over one edge share. */
export interface CallPath {
  readonly platform: Platform;
  readonly transport: TransportRoutes;
  readonly deadlines: Deadlines;
  readonly instrument: Instrument;
  readonly target: TargetState;
  readonly bulkhead: Bulkhead;
  readonly name: string;
  readonly policy: CompiledPolicy;
  /** Judges a value, where a value may be a failure of the other side. */
  readonly judge: ((value: unknown) => Judgement) | undefined;
}

/** What a value says about the other side. */
export interface Judgement {
  readonly failed: boolean;
  /** Set when another attempt may succeed. */
  readonly retryAfterMs?: number;
}

const NOBODY = (): void => {};

type Stage = 'queue' | 'flight' | 'pause' | 'over';

/**
 * One call under the policies: deadline, retry, bulkhead and breaker, from the outside in. The object is also the entry in the
 * list of deadlines, the entry in the queue of the bulkhead, and the cancellation that the other side sees. So a call that
 * meets no obstacle costs one object and one promise.
 */
export class RunningCall extends Canceller implements Deadline, Waiting {
  readonly deadlineMono: number;
  place = -1;
  readonly #path: CallPath;
  readonly #operation: Called;
  readonly #input: unknown;
  readonly #origin: CallOrigin;
  readonly #options: EdgeOptions;
  readonly #retries: number;
  readonly #state: OperationState;
  readonly #span: Span;
  /** The attempt under way. */
  #sent: Span = NO_SPAN;
  #resolve: (reply: Reply) => void = NOBODY;
  #stage: Stage = 'pause';
  #attempt = 1;
  #turnedBack = 0;
  /** What one attempt may have done. No later attempt can revert it. */
  #executed: Fault['executed'] = 'no';
  #startedMono: number;
  #sentMono = 0;
  #generation = 0;
  #chosen: Chosen | undefined;
  #pause: Timer | undefined;
  #signal: AbortSignal | undefined;
  #onEnd: (() => void) | undefined;

  /** @throws RangeError when the timeout of the options is not a duration */
  constructor(path: CallPath, operation: Called, input: unknown, origin: CallOrigin, options: EdgeOptions) {
    super();
    this.#path = path;
    this.#operation = operation;
    this.#input = input;
    this.#origin = origin;
    this.#options = options;
    this.#retries = options.step || origin.meta.noRetry ? 0 : path.policy.retries;
    this.#state = path.target.operation(operation.name);
    this.#startedMono = path.platform.clock.monoNow();
    const timeoutMs = options.timeoutMs ?? (options.timeout === undefined ? path.policy.timeoutMs : durationMs(options.timeout));
    this.deadlineMono = this.#startedMono + Math.min(timeoutMs, origin.remainingMs());
    // Last, because a span that has begun must end.
    this.#span = path.instrument.begin(this.#state.call, origin.meta.trace, options.step?.key ?? options.key);
  }

  /** Begins the call. @param resolve is called once, with the reply */
  begin(resolve: (reply: Reply) => void): void {
    this.#resolve = resolve;
    const nowMono = this.#startedMono;
    let refusal: RametError | undefined;
    if (this.deadlineMono - nowMono <= HOP_MS)
      refusal = new RametError('DeadlineExceeded', `no time was left to call ${this.#path.name}`, { executed: 'no' });
    else if (!this.#followCaller()) refusal = new RametError('Cancelled', undefined, { executed: 'no' });
    if (refusal) {
      this.#finish(fault(refusal));
      return;
    }
    this.#path.deadlines.add(this, nowMono);
    this.#try(nowMono);
  }

  /** @returns false when the caller is cancelled already */
  #followCaller(): boolean {
    const { cancellation } = this.#origin;
    if (cancellation instanceof Canceller) {
      if (cancellation.cancelled) return false;
      this.#onEnd = () => this.#end(new RametError('Cancelled'));
      cancellation.follow(this.#onEnd);
      return true;
    }
    const { signal } = this.#origin;
    if (!signal) return true;
    if (signal.aborted) return false;
    this.#signal = signal;
    this.#onEnd = () => this.#end(new RametError('Cancelled'));
    signal.addEventListener('abort', this.#onEnd, { once: true });
    return true;
  }

  /** Requests a place in the bulkhead. */
  #try(nowMono: number): void {
    const { bulkhead, name } = this.#path;
    if (bulkhead.tryEnter()) {
      if (!this.#send(nowMono)) bulkhead.leave(nowMono);
      return;
    }
    const openMs = this.#state.breaker?.blockedMs(nowMono, this.#reserved) ?? 0;
    if (openMs > 0) {
      this.#refuse(circuitOpen(name, this.#operation.name, openMs));
      return;
    }
    this.#stage = 'queue';
    if (bulkhead.wait(this, nowMono)) this.#noteQueue();
    else this.#comeBack(nowMono);
  }

  /** The queue is full too, so the call tries again later. Nothing was sent, so this is not an attempt and needs no token. */
  #comeBack(nowMono: number): void {
    const { platform, bulkhead, name } = this.#path;
    this.#stage = 'pause';
    const waitMs = backoffMs(platform, RETRY_BACKOFF, ++this.#turnedBack);
    if (this.#turnedBack <= this.#retries && nowMono + waitMs < this.deadlineMono)
      this.#pause = platform.timers.set(waitMs, () => this.#try(platform.clock.monoNow()));
    else this.#refuse(new RametError('BulkheadFull', `${bulkhead.busy} calls to ${name} are under way and ${bulkhead.waiting} wait`));
  }

  /** Takes the place that the bulkhead has freed. */
  admit(): boolean {
    this.#noteQueue();
    return this.#send(this.#path.platform.clock.monoNow());
  }

  #noteQueue(): void {
    const { instrument, target, bulkhead } = this.#path;
    instrument.note?.({ what: 'queue', edge: target.edge, waiting: bulkhead.waiting });
  }

  /** Sends the call. @returns false when the circuit is open, so the place is not needed */
  #send(nowMono: number): boolean {
    const { platform, transport, instrument, target } = this.#path;
    const { breaker } = this.#state;
    const { service, name } = this.#operation;
    const instances = transport.instances?.(service);
    if (instances) target.answers(instances, nowMono);
    if (breaker) {
      const openMs = breaker.enter(nowMono, this.#reserved);
      if (openMs > 0) {
        this.#refuse(circuitOpen(target.target, this.#operation.name, openMs));
        return false;
      }
      this.#generation = breaker.generation;
    }
    this.#chosen = instances && instances.length > 0 ? target.instances.choose(instances, nowMono) : undefined;
    if (this.#attempt === 1) target.budget.deposit(nowMono);
    if (this.#attempt > 1) instrument.note?.({ what: 'retry', edge: target.edge, operation: name, attempt: this.#attempt });
    const within = this.#span.under(this.#origin.meta.trace);
    this.#sent = instrument.begin(this.#state.attempt, within, this.#chosen?.instance);
    this.#stage = 'flight';
    this.#sentMono = nowMono;
    const to = this.#chosen ? { service, operation: name, instance: this.#chosen.instance } : { service, operation: name };
    try {
      transport.call(to, this.#input, this.#meta(nowMono, this.#sent.under(within)), this).then(
        (reply) => this.#answered(reply),
        (error: unknown) => this.#answered(fault(this.#known(error))),
      );
    } catch (error) {
      const reply = fault(this.#known(error));
      platform.timers.yield().then(
        () => this.#answered(reply),
        () => {},
      );
    }
    return true;
  }

  #meta(nowMono: number, trace: Trace): CallMeta {
    const { meta } = this.#origin;
    const { key, step, durable, ageMs, suspect } = this.#options;
    const timeoutMs = Math.max(0, this.deadlineMono - nowMono - HOP_MS);
    const plain = { caller: meta.caller, trace, depth: meta.depth + 1, timeoutMs };
    // Only the outermost caller that repeats may repeat.
    const noRetry = meta.noRetry || step !== undefined || (this.#retries > 0 && this.#repeatable);
    if (key === undefined && step === undefined && !durable && this.#attempt === 1) return noRetry ? { ...plain, noRetry: true } : plain;
    return {
      ...plain,
      ...(noRetry ? { noRetry: true } : {}),
      ...(this.#attempt > 1 ? { attempt: this.#attempt } : {}),
      ...(key === undefined ? {} : { key }),
      ...(step === undefined ? {} : { step }),
      ...(durable ? { durable } : {}),
      ...(ageMs === undefined ? {} : { ageMs: ageMs + (nowMono - this.#startedMono) }),
      ...(suspect ? { suspect } : {}),
    };
  }

  get #repeatable(): boolean {
    return this.#operation.kind === 'query' || this.#options.key !== undefined;
  }

  /** An undo must not starve behind forward steps: the probe of an open breaker is reserved for it. */
  get #reserved(): boolean {
    return this.#options.step?.undo === true;
  }

  #answered(reply: Reply): void {
    if (this.#stage !== 'flight') return;
    const { platform, bulkhead, judge } = this.#path;
    const nowMono = platform.clock.monoNow();
    this.#sent.end(replyOutcome(reply), reply.ok ? undefined : reply);
    const judged = reply.ok && judge ? judge(reply.value) : undefined;
    const verdict = judged?.failed ? 'failed' : verdictOf(reply);
    // A refusal is quicker than the work and would make the median too short.
    if (reply.ok && verdict === 'succeeded') this.#state.latency.record(nowMono - this.#sentMono);
    this.#settle(verdict, nowMono);
    this.#stage = 'pause';
    if (reply.ok) {
      if (judged?.failed) this.#executed = 'unknown';
      if (judged?.retryAfterMs === undefined || !this.#repeats(judged.retryAfterMs, nowMono)) this.#finish(reply);
    } else if (reply.kind === 'declared') this.#finish(reply);
    else {
      if (reply.executed === 'unknown') this.#executed = 'unknown';
      if (!mayPass(reply) || !this.#repeats(reply.retryAfterMs ?? 0, nowMono)) this.#finish(reply);
    }
    bulkhead.leave(nowMono);
  }

  /** Prepares another attempt, if it is safe, in time and within the budget. */
  #repeats(retryAfterMs: number, nowMono: number): boolean {
    const { platform, target, instrument } = this.#path;
    if (this.#attempt > this.#retries || !(this.#repeatable || this.#executed === 'no')) return false;
    const waitMs = retryAfterMs + backoffMs(platform, RETRY_BACKOFF, this.#attempt);
    if (nowMono + waitMs + this.#state.latency.p50 >= this.deadlineMono) return false;
    if (!target.budget.withdraw(nowMono)) {
      instrument.note?.({ what: 'budget empty', edge: target.edge });
      return false;
    }
    this.#pause = platform.timers.set(waitMs, () => {
      this.#attempt++;
      this.#try(platform.clock.monoNow());
    });
    return true;
  }

  /** Reports the outcome of an attempt to the breakers. */
  #settle(verdict: Verdict, nowMono: number): void {
    const repeated = this.#isRepeated(verdict, nowMono);
    const chosen = this.#chosen;
    const one = chosen?.breaker;
    // Among several instances, a row of failures belongs to one instance; an instance that is ejected already counts no further.
    const old = one !== undefined && one.generation !== chosen?.generation && verdict === 'failed';
    const weight = one === undefined ? 'whole' : 'rate';
    tell(this.#state.breaker, this.#generation, old ? 'ignored' : verdict, nowMono, repeated ? 'repeated' : weight);
    if (!chosen) return;
    this.#path.target.instances.left(chosen);
    tell(one, chosen.generation, verdict, nowMono, repeated ? 'repeated' : 'whole');
  }

  /** Whether the request of a failed attempt has failed before. */
  #isRepeated(verdict: Verdict, nowMono: number): boolean {
    const { breaker, witnesses } = this.#state;
    if (!breaker || verdict === 'ignored') return false;
    const key = this.#options.step?.key ?? this.#options.key ?? this.#options.witness;
    if (verdict === 'failed') {
      const witness = key ?? this.#causeAndInput();
      const known = witness !== undefined && witnesses.failed(witness, nowMono);
      return known || (this.#origin.meta.attempt ?? 1) > 1;
    }
    if (key !== undefined) witnesses.succeeded(key);
    return false;
  }

  /** Identifies a call without a key by the work that it belongs to, which is repeated as a whole, and by its input. */
  #causeAndInput(): string | undefined {
    const { causationId } = this.#origin.meta.trace;
    if (causationId === undefined) return undefined;
    try {
      return `${causationId} ${this.#path.platform.crypto.sha256(JSON.stringify(this.#input) ?? '')}`;
    } catch {
      // Inputs to the libraries of external systems may be anything.
      return undefined;
    }
  }

  /** Refuses the call on this side, before anything was sent. */
  #refuse(error: RametError): void {
    const { instrument, target } = this.#path;
    instrument.note?.({ what: 'rejected', edge: target.edge, operation: this.#operation.name, code: error.code });
    this.#finish(fault(error));
  }

  /** Ends the call because its deadline has passed. */
  expire(): void {
    const { name } = this.#path;
    this.#end(
      new RametError(
        'DeadlineExceeded',
        `${name}.${this.#operation.name} did not answer in ${Math.round(this.deadlineMono - this.#startedMono)} ms`,
      ),
    );
  }

  /** Ends the call before it is answered. */
  #end(error: RametError): void {
    const stage = this.#stage;
    if (stage === 'over') return;
    const { platform, bulkhead, instrument, target } = this.#path;
    const nowMono = platform.clock.monoNow();
    const late = error.code === 'DeadlineExceeded';
    if (stage === 'flight') {
      this.#sent.end(error.code, error);
      this.#executed = 'unknown';
      // A call with less time than most calls need says nothing about the other side.
      const fair = this.deadlineMono - this.#sentMono >= this.#state.latency.p50;
      this.#settle(late && fair ? 'failed' : 'ignored', nowMono);
    } else if (stage === 'queue') {
      bulkhead.giveUp(this);
      this.#noteQueue();
      if (late) instrument.note?.({ what: 'expired in queue', edge: target.edge });
    }
    this.#finish(fault(new RametError(error.code, error.message, { executed: this.#executed })));
    this.cancel(error);
    if (stage === 'flight') bulkhead.leave(nowMono);
  }

  #finish(reply: Reply): void {
    this.#stage = 'over';
    this.#path.deadlines.remove(this);
    this.#pause?.cancel();
    if (this.#onEnd) {
      if (this.#signal) this.#signal.removeEventListener('abort', this.#onEnd);
      else (this.#origin.cancellation as Canceller).unfollow(this.#onEnd);
    }
    const told = reply.ok || reply.kind === 'declared' || this.#executed === 'no' || reply.executed === this.#executed;
    this.#span.end(replyOutcome(reply), reply.ok ? undefined : reply);
    this.#resolve(told ? reply : { ...reply, executed: this.#executed });
  }

  /** Transports and dispatchers must answer with replies. An error from one that does not becomes a fault. */
  #known(error: unknown): RametError {
    return error instanceof RametError ? error : new RametError('Internal', `${this.#path.name} cannot be called`, { cause: error });
  }
}

/** Makes the error of a circuit that stays open for so many milliseconds more. */
export const circuitOpen = (target: string, operation: string, openMs: number): RametError =>
  new RametError('CircuitOpen', `the circuit of ${target}.${operation} is open: its calls failed, and it is not tried for a while`, {
    retryAfterMs: Math.ceil(openMs),
  });
