import { RametError } from '../../errors/index.ts';
import { steadyBackoffMs } from '../../platform/index.ts';
import type { QueuedMessage, QueueSink, Subscription } from '../bus.ts';
import type { BusEnvironment } from '../factory.ts';

const BACKOFF = { baseMs: 100, capMs: 10_000 };
/** How long an event waits at which the group is halted, when the error does not say so. */
const HALTED_MS = 1_000;
/** How long messages are kept back that return to the queue because the group is halted at another event, which may be behind them. */
const ELSEWHERE = { baseMs: 20, capMs: 1_000 };

/** A message as its broker handed it over. */
export interface Handed {
  readonly message: QueuedMessage;
  /** Has the broker forget the message. */
  ack(): Promise<void>;
  /** Gives the message back to the queue, for any process of the group. */
  release(): Promise<void>;
}

interface HeldMessage extends Handed {
  /** Whether its handler may have been started by this process. */
  started: boolean;
}

/**
 * Takes the messages of a queue for one group, in the order of their arrival per lane and side by side across lanes. A message is
 * acknowledged after its effect is committed, and is offered again while the group's store is unavailable. The broker's limit on
 * unacknowledged messages limits what is held here.
 */
export class QueueReader {
  readonly #environment: BusEnvironment;
  readonly #group: string;
  readonly #sink: QueueSink;
  readonly #lanes = new Map<string, HeldMessage[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #wakers = new Set<() => void>();
  /** How often the group's store was found unavailable in a row, and what the lanes wait for meanwhile. */
  #failures = 0;
  #outage: Promise<void> | undefined;
  #stopping = false;
  #stopped: Promise<void> | undefined;

  /** @throws RametError Misconfigured when the subscription needs the positions of a log */
  constructor(environment: BusEnvironment, { group, sink }: Subscription) {
    if (!sink.queue) throw new RametError('Misconfigured', `subscription '${group}' needs a bus with positions, and this one is a queue`);
    this.#environment = environment;
    this.#group = group;
    this.#sink = sink.queue;
  }

  /** Accepts a message. The adapter need not wait: `ack` or `release` is called when the message has ended. */
  offer({ message, ack, release }: Handed): void {
    const ended = () => this.#stopping || message.ended?.() === true;
    const waiting: HeldMessage = { message: { ...message, ended }, ack, release, started: false };
    if (this.#stopping) return void this.#release([waiting]);
    const lane = this.#sink.laneOf(message);
    const queue = this.#lanes.get(lane);
    if (queue) queue.push(waiting);
    else {
      this.#lanes.set(lane, [waiting]);
      this.#track(this.#drain(lane));
    }
  }

  /** Ends between two messages: those under way end, those that were not started return to the queue. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    for (const wake of this.#wakers) wake();
    // What is under way may still begin to return its message.
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#release([...this.#lanes.values()].flat());
    this.#lanes.clear();
  }

  /** Settles the messages of a lane, including those that arrive meanwhile. */
  async #drain(lane: string): Promise<void> {
    const queue = this.#lanes.get(lane) as HeldMessage[];
    for (let first = queue[0]; first && !this.#stopping; first = queue[0]) {
      const outcome = await this.#settle(first);
      // What is left when the reader stops is released by `stop`.
      if (outcome === 'stopping') return;
      queue.shift();
      if (outcome === 'settled') await this.#ended(first.ack);
      else if (outcome === 'elsewhere') this.#track(this.#releaseLater(first));
      else await this.#release([first]);
    }
    if (queue.length === 0) this.#lanes.delete(lane);
  }

  /** Offers a message until it is processed, or has ended otherwise. */
  async #settle(waiting: HeldMessage): Promise<'settled' | 'elsewhere' | 'ended' | 'stopping'> {
    while (!this.#stopping) {
      // While the group's store is unavailable, one message at a time finds out whether it is back.
      if (this.#outage) {
        await this.#outage;
        continue;
      }
      const probe = this.#failures > 0 ? Promise.withResolvers<void>() : undefined;
      if (probe) this.#outage = probe.promise;
      try {
        const outcome = await this.#sink.take(waiting.message);
        this.#failures = 0;
        return outcome;
      } catch (error) {
        const { code, retryAfterMs } = error instanceof RametError ? error : { code: undefined, retryAfterMs: undefined };
        if (code === 'ShuttingDown' && waiting.message.ended?.()) return this.#stopping ? 'stopping' : 'ended';
        waiting.started = true;
        if (code === 'SubscriptionHalted') await this.#pause(retryAfterMs ?? HALTED_MS);
        else await this.#backOff(error, probe !== undefined);
      } finally {
        if (probe) this.#outage = undefined;
        probe?.resolve();
      }
    }
    return 'stopping';
  }

  /** Waits after a failure, longer after each; those that failed together wait once. */
  async #backOff(error: unknown, probing: boolean): Promise<void> {
    if (this.#outage && !probing) return;
    this.#failures++;
    this.#report(error, { failures: this.#failures });
    const pause = this.#pause(steadyBackoffMs(this.#environment.platform, BACKOFF, this.#failures));
    if (!probing)
      this.#outage = pause.finally(() => {
        this.#outage = undefined;
      });
    await pause;
  }

  /** Returns a message while the group is halted at another event, later the more often it was delivered. */
  async #releaseLater(waiting: HeldMessage): Promise<void> {
    await this.#pause(steadyBackoffMs(this.#environment.platform, ELSEWHERE, waiting.message.deliveries));
    await this.#release([waiting]);
  }

  async #release(waiting: readonly HeldMessage[]): Promise<void> {
    const unstarted = waiting.filter(({ started }) => !started).map(({ message }) => message);
    if (unstarted.length > 0)
      await this.#sink.returned(unstarted).catch((error: unknown) => this.#report(error, { doing: 'returning messages' }));
    await Promise.all(waiting.map(({ release }) => this.#ended(release)));
  }

  /** A broker that does not hear how a message has ended delivers it again: the inbox knows it. */
  async #ended(say: () => Promise<void>): Promise<void> {
    await say().catch((error: unknown) => this.#report(error, { doing: 'acknowledging' }));
  }

  /** Has a stop wait for the work. */
  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #report(error: unknown, where: object): void {
    this.#environment.onError(error, { group: this.#group, ...where });
  }

  /** Waits, but not beyond a stop. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping) return resolve();
      const done = () => {
        timer.cancel();
        this.#wakers.delete(done);
        resolve();
      };
      const timer = this.#environment.platform.timers.set(delayMs, done);
      this.#wakers.add(done);
    });
  }
}
