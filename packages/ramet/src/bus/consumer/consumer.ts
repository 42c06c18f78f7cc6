import { PermanentError, RametError } from '../../errors/index.ts';
import { steadyBackoffMs } from '../../platform/index.ts';
import { inboxLowWater, type Tx } from '../../store/index.ts';
import type { Batch, Delivery, Missed, Sink } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import { Handlers, Interleaved } from './event-handlers.ts';
import { countAttempt, goOn, halted, haltOf, type Place, Standing, type Standstill, stand, standStill, standstills } from './halting.ts';
import { KeyLanes } from './key-lanes.ts';
import { type ConsumerOptions, DEFAULT_RETRY, type EventOutcome, type RetryPolicy } from './options.ts';
import {
  BEYOND_HORIZON,
  blockedOf,
  deadLetter,
  type Failure,
  failureOf,
  isAway,
  isBlocked,
  type PoisonPolicy,
  park,
  startRetrying,
  takeOver,
  takeOverAll,
} from './parking.ts';
import { type Claim, Claims, clear, isFirst, isSuspect } from './progress.ts';
import { RetryWorker } from './retry-worker.ts';

/** How many keys of one group are handled at once. */
const LANES = 64;
/** How many events share a transaction at most where the store does not let transactions share a commit. */
const TOGETHER_MAX = 64;
const TOGETHER_MIN = 4;
/** A transaction of several events shall not last longer: others wait for the rows that it has changed. */
const TOGETHER_MS = 30;

/**
 * A group's side of event delivery. Each event takes effect once: its row in the inbox is written in the transaction of
 * its effect. An event that fails leaves its lane at once, and is retried from a table with backoff: under `park-key` later
 * events of its key wait behind it in their order, under `skip` nothing does. Under `halt` events are handled one by one, and
 * the partition stands at the one that fails. Starts are counted before the handler runs, so that an event that kills the
 * process becomes a dead letter too.
 */
export class Consumer implements Sink {
  readonly #options: ConsumerOptions;
  readonly #retry: RetryPolicy;
  readonly #policy: PoisonPolicy;
  readonly #claims: Claims;
  /** How many events share a transaction now: more while they are quick. */
  #together = TOGETHER_MIN;
  readonly #handlers: Handlers;
  readonly retries: RetryWorker;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#policy = options.poison ?? 'park-key';
    this.#claims = new Claims(options);
    this.#handlers = new Handlers(options.handlers);
    this.retries = new RetryWorker(options, this.#retry);
  }

  begin(source: string, p: number, epoch?: number): Promise<void> {
    return this.#claims.begin(source, p, epoch);
  }

  end(source: string, p: number): Promise<void> {
    return this.#claims.end(source, p);
  }

  checkpoint(source: string, p: number): Promise<number> {
    return this.#claims.checkpoint(source, p);
  }

  async settled(source: string, p: number): Promise<number> {
    await this.#claims.flush();
    // Neither a restart nor a reader of this process falls behind it.
    return Math.min(await this.#claims.written(source, p), await this.#claims.checkpoint(source, p));
  }

  async missed(missed: Missed): Promise<void> {
    const claim = await this.#claims.of(missed.source, missed.p);
    claim.checkpoint = Math.max(claim.checkpoint, missed.through);
    await this.#claims.write(claim, claim.checkpoint, claim.checkpoint, 0);
    this.#options.onMissed?.(missed);
  }

  async deliver(batch: Batch): Promise<void> {
    const claim = await this.#claims.of(batch.source, batch.p);
    const known = batch.deliveries.filter((delivery) => this.#options.handlers.has(delivery.envelope.type));
    if (this.#policy === 'halt') await this.#oneByOne(batch, claim, known);
    else await this.#inLanes(batch, claim, known);
    claim.checkpoint = batch.through;
    claim.dirty = true;
  }

  /** Ends a batch before what is left of it, when some of it is `settled`: nothing of the rest was under way, and nobody need suspect it. */
  async #end(claim: Claim, left: Delivery, settled: boolean): Promise<never> {
    if (settled) {
      claim.checkpoint = Math.max(claim.checkpoint, left.pos - 1);
      await this.#claims.write(claim, claim.checkpoint, claim.checkpoint, 0);
    }
    throw new RametError('ShuttingDown');
  }

  /** Writes down how far the group has come, so that a restart need not look at it again. */
  flush(): Promise<void> {
    return this.#claims.flush();
  }

  /** Where the subscription stands and waits for a person. */
  standstills(): Promise<Standstill[]> {
    return standstills(this.#options.store, this.#options.subscriber);
  }

  async #inLanes(batch: Batch, claim: Claim, known: readonly Delivery[]): Promise<void> {
    const { suspects = [], rest = [] } = Object.groupBy(known, ({ pos }) => (isSuspect(claim, pos) ? 'suspects' : 'rest'));
    // After a crash, what was under way then is taken one by one: the one that kills the process must not take others with it.
    for (const delivery of suspects) {
      if (batch.ended?.()) await this.#end(claim, delivery, delivery !== suspects[0]);
      const attempts = await this.#claims.countSuspect(claim, delivery.pos);
      if (attempts > this.#retry.maxAttempts) await this.#buryUnrun(claim, delivery.envelope, attempts);
      else await this.#handle(claim, delivery, attempts);
      clear(claim, delivery.pos);
    }
    const [first] = rest;
    if (!first) return;
    if (batch.ended?.()) await this.#end(claim, first, suspects.length > 0);
    await this.#claims.write(claim, first.pos - 1, batch.through, 0);
    // Where transactions share commits they need not share anything else. What comes again may be beyond the horizon.
    const { sharedCommits } = this.#options.store.capabilities;
    const { again = [], fresh = [] } = Object.groupBy(rest, ({ pos }) => (sharedCommits === 1 && isFirst(claim, pos) ? 'fresh' : 'again'));
    const left = await this.#apart(claim, again, batch.ended);
    if (left) await this.#end(claim, left, true);
    for (let i = 0; i < fresh.length; ) {
      if (batch.ended?.()) await this.#end(claim, fresh[i] as Delivery, true);
      const some = fresh.slice(i, i + this.#together);
      if (some.length > 1) i += await this.#inOne(claim, some);
      else await this.#handle(claim, fresh[i++] as Delivery, 1);
    }
  }

  /** Each in a transaction of its own, in order per key. @returns the first one that is left, when they have `ended` before */
  async #apart(claim: Claim, deliveries: readonly Delivery[], ended?: () => boolean): Promise<Delivery | undefined> {
    const left = new Set(deliveries);
    await new KeyLanes(LANES).run(
      deliveries,
      (delivery) => delivery.envelope.key,
      async (delivery) => {
        if (ended?.()) return;
        await this.#handle(claim, delivery, 1);
        left.delete(delivery);
      },
    );
    return left.values().next().value;
  }

  /**
   * All in one transaction, in their order. When an event fails nothing of it was kept: those before it are handled apart, and
   * it has had its first attempt.
   * @returns how many are settled
   */
  async #inOne(claim: Claim, deliveries: readonly Delivery[]): Promise<number> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    let startedMono = 0;
    let failed: Delivery | undefined;
    let outcomes: EventOutcome[];
    try {
      outcomes = await store.write(
        async (tx) => {
          failed = undefined;
          // Waiting for a connection is no reason to take fewer.
          startedMono = platform.clock.monoNow();
          // Asked for at once, and executed in this order: the row in the inbox comes first.
          const [fresh, blocked] = await Promise.all([
            takeOverAll(tx, subscriber, deliveries),
            this.#policy === 'skip' ? new Set<string>() : blockedOf(tx, subscriber, deliveries),
            this.#claims.check(tx, claim),
          ]);
          const done: EventOutcome[] = [];
          const open: Delivery[] = [];
          for (const delivery of deliveries) {
            const { envelope } = delivery;
            if (!fresh.delete(envelope.id)) done.push('duplicate');
            else if (blocked.has(envelope.key)) {
              await park(tx, subscriber, envelope);
              done.push('parked');
            } else {
              open.push(delivery);
              done.push('handled');
            }
          }
          await this.#handlers.runAll(tx, open, (delivery) => {
            failed = delivery;
          });
          failed = undefined;
          return done;
        },
        { name: `${subscriber} on ${deliveries.length} events` },
      );
    } catch (error) {
      if (isAway(error)) throw error;
      if (error instanceof Interleaved) return this.#inOne(claim, deliveries);
      this.#together = TOGETHER_MIN;
      const before = failed ? deliveries.slice(0, deliveries.indexOf(failed)) : deliveries;
      await this.#apart(claim, before);
      if (failed) await this.#setAside(claim, failed.envelope, 1, failureOf(error, platform));
      return failed ? before.length + 1 : before.length;
    }
    const tookMs = platform.clock.monoNow() - startedMono;
    this.#together = Math.min(TOGETHER_MAX, Math.max(TOGETHER_MIN, tookMs < TOGETHER_MS ? this.#together * 2 : this.#together >> 1));
    const stop = platform.point('consumer.handled');
    if (stop) await stop;
    for (const [i, { envelope }] of deliveries.entries()) onOutcome?.(outcomes[i] as EventOutcome, envelope);
    return deliveries.length;
  }

  /** Under `halt`: in the order of the partition, and up to the first event that fails. */
  async #oneByOne(batch: Batch, claim: Claim, known: readonly Delivery[]): Promise<void> {
    const { store, subscriber } = this.#options;
    const halt = await haltOf(store.reader, subscriber, batch.source, batch.p);
    if (halt) standStill(subscriber, batch.source, halt);
    let claimed = false;
    let settled = false;
    for (const delivery of known) {
      // What lies before the one it stands at has been settled.
      if (halt && delivery.pos < halt.pos) continue;
      if (batch.ended?.()) await this.#end(claim, delivery, settled);
      let attempts = 1;
      if (halt?.pos === delivery.pos)
        attempts = claim.unspent === halt.pos ? halt.attempts : await countAttempt(store, this.#place(claim), halt);
      else if (isSuspect(claim, delivery.pos)) attempts = await this.#claims.countSuspect(claim, delivery.pos);
      else if (!claimed) {
        await this.#claims.write(claim, delivery.pos - 1, batch.through, 0);
        claimed = true;
      }
      if (attempts > this.#retry.maxAttempts)
        await this.#stand(claim, delivery, failureOf(endedTheProcess(attempts - 1), this.#options.platform), attempts, attempts - 1);
      else await this.#handle(claim, delivery, attempts);
      clear(claim, delivery.pos);
      settled = true;
    }
  }

  async #handle(claim: Claim, delivery: Delivery, attempts: number): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    const { envelope } = delivery;
    let outcome: EventOutcome;
    try {
      outcome = await store.write(
        async (tx): Promise<EventOutcome> => {
          const [fresh, blocked] = await Promise.all([
            takeOver(tx, subscriber, envelope),
            // Under `skip` only the rows of an earlier policy could block a key, and nothing waits for those.
            this.#policy !== 'skip' && isBlocked(tx, subscriber, envelope.key),
            this.#claims.check(tx, claim),
          ]);
          // Where it stands at an event, that one has not been handled, however old it is.
          const stood = this.#policy === 'halt' && (await goOn(tx, { subscriber, source: claim.source }, delivery));
          if (!fresh) return 'duplicate';
          if (!stood && (await this.#isBeyondHorizon(tx, claim, delivery))) {
            await deadLetter(tx, platform, subscriber, this.#policy === 'halt' ? 'skip' : this.#policy, envelope, BEYOND_HORIZON, 0);
            return 'dead';
          }
          if (blocked) {
            await park(tx, subscriber, envelope);
            return 'parked';
          }
          await this.#handlers.run(delivery, tx);
          return 'handled';
        },
        { name: `${subscriber} on ${envelope.type}` },
      );
    } catch (error) {
      claim.unspent = isAway(error) ? delivery.pos : undefined;
      if (isAway(error) || error instanceof Standing) throw error;
      const failure = failureOf(error, platform);
      return this.#policy === 'halt' ? this.#stand(claim, delivery, failure, attempts) : this.#setAside(claim, envelope, attempts, failure);
    }
    const stop = platform.point('consumer.handled');
    if (stop) await stop;
    onOutcome?.(outcome, envelope, outcome === 'dead' ? BEYOND_HORIZON : undefined);
  }

  /**
   * Whether this delivery may be a repetition of one so long ago that the inbox does not know any more. What lies behind the
   * claims of earlier processes comes for the first time, however old it is.
   */
  async #isBeyondHorizon(tx: Tx, claim: Claim, { pos, envelope }: Delivery): Promise<boolean> {
    if (isFirst(claim, pos)) return false;
    const handledAtMs = pos > claim.before ? claim.claimedAtMs : Date.parse(envelope.timestamp);
    const lowWaterMs = await inboxLowWater(tx);
    return lowWaterMs !== undefined && handledAtMs < lowWaterMs;
  }

  async #setAside(claim: Claim, envelope: Envelope, attempts: number, failure: Failure): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    const policy = this.#policy;
    const final = failure.permanent || attempts >= this.#retry.maxAttempts;
    const mine = await store.write(
      async (tx) => {
        await this.#claims.hold(tx, claim);
        if (!(await takeOver(tx, subscriber, envelope))) return false;
        if (final) await deadLetter(tx, platform, subscriber, policy, envelope, failure, attempts);
        else await startRetrying(tx, subscriber, policy, envelope, failure, attempts, steadyBackoffMs(platform, this.#retry, attempts));
        return true;
      },
      { name: `${subscriber} sets ${envelope.type} aside` },
    );
    if (!mine) return;
    onOutcome?.(final ? 'dead' : 'retrying', envelope, failure, attempts);
    if (!final) this.retries.wake();
  }

  #place(claim: Claim): Place {
    const { source, p } = claim;
    return { subscriber: this.#options.subscriber, source, p, hold: (tx) => this.#claims.hold(tx, claim) };
  }

  /**
   * Under `halt`: goes no further in this partition, unless the event has been handled or discarded meanwhile.
   * @throws RametError SubscriptionHalted
   */
  async #stand(claim: Claim, delivery: Delivery, failure: Failure, counted: number, made = counted): Promise<void> {
    const { store, subscriber, platform, onOutcome, onHalt } = this.#options;
    const final = failure.permanent || made >= this.#retry.maxAttempts;
    const delayMs = final ? undefined : steadyBackoffMs(platform, this.#retry, made);
    const where = await store.write(
      async (tx) => {
        const stands = await stand(tx, platform, this.#place(claim), delivery, { failure, counted, made, delayMs });
        if (final && stands === 'stands') await onHalt?.(tx, delivery.envelope, failure);
        return stands;
      },
      { name: `${subscriber} stands at ${delivery.envelope.type}` },
    );
    if (where === 'settled') return onOutcome?.('duplicate', delivery.envelope);
    if (where === 'elsewhere') throw halted(subscriber, claim.source, delivery.pos, 0);
    // Everything before it is settled, and nothing behind it has been started.
    if (claim.checkpoint < delivery.pos - 1) {
      await this.#claims.write(claim, delivery.pos - 1, delivery.pos - 1, 0);
      claim.checkpoint = delivery.pos - 1;
    }
    onOutcome?.(final ? 'halted' : 'retrying', delivery.envelope, failure, made);
    throw halted(subscriber, claim.source, delivery.pos, delayMs ?? Number.POSITIVE_INFINITY);
  }

  /** One whose key is blocked has not been run at all: it waits like others, and its starts are counted when its turn comes. */
  async #buryUnrun(claim: Claim, envelope: Envelope, attempts: number): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    const failure = failureOf(endedTheProcess(attempts - 1), platform);
    const outcome = await store.write(
      async (tx): Promise<EventOutcome> => {
        await this.#claims.hold(tx, claim);
        if (!(await takeOver(tx, subscriber, envelope))) return 'duplicate';
        if (this.#policy !== 'skip' && (await isBlocked(tx, subscriber, envelope.key))) {
          await park(tx, subscriber, envelope);
          return 'parked';
        }
        await deadLetter(tx, platform, subscriber, this.#policy, envelope, failure, attempts - 1);
        return 'dead';
      },
      { name: `${subscriber} buries ${envelope.type}` },
    );
    onOutcome?.(outcome, envelope, outcome === 'dead' ? failure : undefined);
  }
}

const endedTheProcess = (times: number): PermanentError =>
  new PermanentError(`the process ended ${times} times while it handled this event`);
