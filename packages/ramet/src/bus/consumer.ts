import { PermanentError } from '../errors/index.ts';
import { steadyBackoffMs } from '../platform/index.ts';
import type { Batch, Delivery, Sink } from './bus.ts';
import type { Envelope } from './envelope.ts';
import { KeyLanes } from './lanes.ts';
import { deadLetter, failureOf, isAway, isBlocked, park, startRetrying, takeOver } from './parking.ts';
import { RetryWorker } from './retry-worker.ts';
import { type ConsumerOptions, DEFAULT_RETRY, type EventHandler, type EventOutcome, type RetryPolicy } from './subscriber.ts';

/** How many keys of one group are handled at once. */
const LANES = 64;

/**
 * A group's side of event delivery. Each event takes effect once: its row in the inbox is written in the transaction of
 * its effect. An event that fails leaves its lane at once (policy `park-key`): it is retried from a table with backoff,
 * later events of its key wait behind it in their order, and other keys go on. Starts are counted before the handler runs,
 * so that an event that kills the process becomes a dead letter too.
 */
export class Consumer implements Sink {
  readonly #options: ConsumerOptions;
  readonly #policy: RetryPolicy;
  readonly #claims = new Map<string, Claim>();
  readonly retries: RetryWorker;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#policy = options.retry ?? DEFAULT_RETRY;
    this.retries = new RetryWorker(options, this.#policy);
  }

  async checkpoint(source: string, p: number): Promise<number> {
    return (await this.#claim(source, p)).checkpoint;
  }

  async deliver(batch: Batch): Promise<void> {
    const claim = await this.#claim(batch.source, batch.p);
    const known: Delivery[] = batch.deliveries.filter((delivery) => this.#options.handlers.has(delivery.envelope.type));
    const { suspects = [], rest = [] } = Object.groupBy(known, ({ pos }) =>
      pos <= claim.suspectTo && pos > claim.clearedTo ? 'suspects' : 'rest',
    );
    // After a crash, what was under way then is taken one by one: the one that kills the process must not take others with it.
    for (const delivery of suspects) {
      const attempts = await this.#countSuspect(batch, claim, delivery.pos);
      if (attempts > this.#policy.maxAttempts) await this.#buryUnrun(delivery.envelope, attempts);
      else await this.#handle(delivery.envelope, attempts);
      claim.clearedTo = delivery.pos;
      claim.starts = 1;
    }
    if (rest.length > 0) {
      await this.#writeClaim(batch, (rest[0] as Delivery).pos - 1, batch.through, 0);
      const lanes = new KeyLanes(LANES);
      await lanes.run(
        rest,
        (delivery) => delivery.envelope.key,
        (delivery) => this.#handle(delivery.envelope, 1),
      );
    }
    claim.checkpoint = batch.through;
    claim.dirty = true;
  }

  /** Writes down how far the group has come, so that a restart need not look at it again. */
  async flush(): Promise<void> {
    for (const claim of this.#claims.values()) {
      if (!claim.dirty) continue;
      await this.#options.store.write(
        async (tx) => {
          await tx.run(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts) values (?, ?, ?, ?, ?, 0)
             on conflict (subscriber, source, p) do update set checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = 0
             where ramet_claims.checkpoint < excluded.checkpoint`,
            this.#options.subscriber,
            claim.source,
            claim.p,
            claim.checkpoint,
            claim.checkpoint,
          );
        },
        { name: `${this.#options.subscriber} checkpoint` },
      );
      claim.dirty = false;
    }
  }

  async #claim(source: string, p: number): Promise<Claim> {
    const id = `${source}/${p}`;
    const known = this.#claims.get(id);
    if (known) return known;
    const row = await this.#options.store.reader.get<{ checkpoint: number; claimed_to: number; attempts: number }>(
      'select checkpoint, claimed_to, attempts from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      source,
      p,
    );
    const claim: Claim = {
      source,
      p,
      checkpoint: Number(row?.checkpoint ?? 0),
      suspectTo: Number(row?.claimed_to ?? 0),
      clearedTo: 0,
      starts: Math.max(1, Number(row?.attempts ?? 0)),
      counted: 0,
      dirty: false,
    };
    this.#claims.set(id, claim);
    return claim;
  }

  /** Counts a start before it happens, and once only however often the store is away meanwhile. @returns which start it is */
  async #countSuspect(batch: Batch, claim: Claim, pos: number): Promise<number> {
    if (claim.counted !== pos) {
      await this.#writeClaim(batch, pos - 1, pos, claim.starts + 1);
      claim.starts++;
      claim.counted = pos;
    }
    return claim.starts;
  }

  async #writeClaim(batch: Batch, checkpoint: number, claimedTo: number, attempts: number): Promise<void> {
    await this.#options.store.write(
      async (tx) => {
        await tx.run(
          `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts) values (?, ?, ?, ?, ?, ?)
           on conflict (subscriber, source, p) do update set checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = excluded.attempts`,
          this.#options.subscriber,
          batch.source,
          batch.p,
          checkpoint,
          claimedTo,
          attempts,
        );
      },
      { name: `${this.#options.subscriber} claim` },
    );
    const stop = this.#options.platform.point('consumer.claimed');
    if (stop) await stop;
  }

  async #handle(envelope: Envelope, attempts: number): Promise<void> {
    const { store, subscriber, handlers, platform, onOutcome } = this.#options;
    const handler = handlers.get(envelope.type) as EventHandler;
    let outcome: EventOutcome;
    try {
      outcome = await store.write(
        async (tx): Promise<EventOutcome> => {
          if (!(await takeOver(tx, subscriber, envelope))) return 'duplicate';
          if (await isBlocked(tx, subscriber, envelope.key)) {
            await park(tx, subscriber, envelope);
            return 'parked';
          }
          await handler(envelope, tx);
          return 'handled';
        },
        { name: `${subscriber} on ${envelope.type}` },
      );
    } catch (error) {
      if (isAway(error)) throw error;
      return this.#fail(envelope, attempts, error);
    }
    const stop = platform.point('consumer.handled');
    if (stop) await stop;
    onOutcome?.(outcome, envelope);
  }

  async #fail(envelope: Envelope, attempts: number, error: unknown): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    const failure = failureOf(error, platform);
    const final = failure.permanent || attempts >= this.#policy.maxAttempts;
    const mine = await store.write(
      async (tx) => {
        if (!(await takeOver(tx, subscriber, envelope))) return false;
        if (final) await deadLetter(tx, platform, subscriber, envelope, failure, attempts);
        else await startRetrying(tx, subscriber, envelope, failure, attempts, steadyBackoffMs(platform, this.#policy, attempts));
        return true;
      },
      { name: `${subscriber} sets ${envelope.type} aside` },
    );
    if (!mine) return;
    onOutcome?.(final ? 'dead' : 'retrying', envelope, failure);
    if (!final) this.retries.wake();
  }

  /** One whose key is blocked has not been run at all: it waits like others, and its starts are counted when its turn comes. */
  async #buryUnrun(envelope: Envelope, attempts: number): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#options;
    const failure = failureOf(new PermanentError(`the process ended ${attempts - 1} times while it handled this event`), platform);
    const outcome = await store.write(
      async (tx): Promise<EventOutcome> => {
        if (!(await takeOver(tx, subscriber, envelope))) return 'duplicate';
        if (await isBlocked(tx, subscriber, envelope.key)) {
          await park(tx, subscriber, envelope);
          return 'parked';
        }
        await deadLetter(tx, platform, subscriber, envelope, failure, attempts - 1);
        return 'dead';
      },
      { name: `${subscriber} buries ${envelope.type}` },
    );
    onOutcome?.(outcome, envelope, outcome === 'dead' ? failure : undefined);
  }
}

interface Claim {
  readonly source: string;
  readonly p: number;
  checkpoint: number;
  /** Positions up to here were being handled when the process last ended. */
  readonly suspectTo: number;
  /** Up to here they have been settled since. */
  clearedTo: number;
  /** How often the next suspect has been started. */
  starts: number;
  /** The suspect whose start by this process is in {@link starts}. */
  counted: number;
  dirty: boolean;
}
