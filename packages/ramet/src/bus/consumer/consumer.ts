import { silentInstrument } from '../../telemetry/index.ts';
import type { Batch, Missed, QueueSink, Sink } from '../bus.ts';
import { DeliverySpans } from './delivery-spans.ts';
import { type Standstill, standstills } from './halts.ts';
import { ByKey } from './intake/by-key.ts';
import { OneByOne } from './intake/one-by-one.ts';
import type { BatchOrder } from './intake/order.ts';
import { QueueIntake } from './intake/queue-intake.ts';
import { type ConsumerContext, type ConsumerOptions, DEFAULT_RETRY } from './options.ts';
import { POLICIES } from './policies/policies.ts';
import { GroupProgress } from './progress.ts';
import { RetryWorker } from './retry-worker.ts';

/**
 * The consuming side of a group. Each event takes effect once: its row in the inbox is written in the transaction of its effect.
 * What becomes of an event that fails is up to the group's policy. Starts are counted before a handler runs, so that an event
 * that kills the process becomes a dead letter too.
 */
export class Consumer implements Sink {
  readonly #context: ConsumerContext;
  readonly #progress: GroupProgress;
  readonly #order: BatchOrder;
  readonly queue: QueueSink;
  readonly retries: RetryWorker;

  constructor(options: ConsumerOptions) {
    const policy = POLICIES[options.poison ?? 'park-key'];
    const spans = new DeliverySpans(options.instrument ?? silentInstrument, options.subscriber);
    this.#context = {
      ...options,
      spans,
      retry: options.retry ?? DEFAULT_RETRY,
      wakeRetries: () => this.retries.wake(),
      onOutcome(outcome, envelope, failure, attempt) {
        spans.end(envelope, outcome, failure);
        options.onOutcome?.(outcome, envelope, failure, attempt);
      },
    };
    this.#progress = new GroupProgress(options);
    this.#order = policy.oneByOne ? new OneByOne(this.#context, policy) : new ByKey(this.#context, policy);
    this.queue = new QueueIntake(this.#context, policy);
    this.retries = new RetryWorker(this.#context);
  }

  begin(log: string, p: number, epoch?: number): Promise<void> {
    return this.#progress.begin(log, p, epoch);
  }

  end(log: string, p: number): Promise<void> {
    return this.#progress.end(log, p);
  }

  checkpoint(log: string, p: number): Promise<number> {
    return this.#progress.checkpoint(log, p);
  }

  async settled(log: string, p: number): Promise<number> {
    await this.#progress.flush();
    // Neither a restart nor a reader of this process falls behind it.
    return Math.min(await this.#progress.written(log, p), await this.#progress.checkpoint(log, p));
  }

  async missed(missed: Missed): Promise<void> {
    const progress = await this.#progress.of(missed.log, missed.p);
    await progress.raise(missed.through);
    this.#context.onMissed?.(missed);
  }

  async deliver(batch: Batch): Promise<void> {
    const progress = await this.#progress.of(batch.log, batch.p);
    const known = batch.deliveries.filter((delivery) => this.#context.handlers.has(delivery.envelope.type));
    await this.#order.settle(batch, progress, known);
    progress.settledUpTo(batch.through);
  }

  /** Writes the group's positions down, so that a restart need not read the events before them again. */
  flush(): Promise<void> {
    return this.#progress.flush();
  }

  /** Lists where the subscription is halted and waits for an operator. */
  standstills(): Promise<Standstill[]> {
    return standstills(this.#context.store, this.#context.subscriber);
  }
}
