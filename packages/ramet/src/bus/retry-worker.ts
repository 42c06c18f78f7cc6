import { RametError } from '../errors/index.ts';
import { Periodic, steadyBackoffMs } from '../platform/index.ts';
import type { Envelope } from './envelope.ts';
import { deadLetter, type Failure, failureOf } from './parking.ts';
import type { ConsumerOptions, EventHandler, EventOutcome, RetryPolicy } from './subscriber.ts';

interface RetryRow {
  readonly key: string;
  readonly event_id: string;
  readonly state: 'RETRYING' | 'DRAINING' | 'QUARANTINED';
  readonly attempts: number;
  readonly due_at: number;
  readonly envelope: string;
}

/** How long at most until a due retry is seen that nobody told of. */
const POLL_MS = 1_000;
const KEYS_AT_ONCE = 16;

/** Takes blocked keys on when they are due: first the event that failed, then those that waited behind it, in their order. */
export class RetryWorker {
  readonly #options: ConsumerOptions;
  readonly #policy: RetryPolicy;
  readonly #loop: Periodic;

  constructor(options: ConsumerOptions, policy: RetryPolicy) {
    this.#options = options;
    this.#policy = policy;
    this.#loop = new Periodic(options.platform, () => this.#round(), options.onError);
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Look again now: something became due. */
  wake(): void {
    this.#loop.wake();
  }

  /** Works on what is due. @returns in how many milliseconds to look again */
  async #round(): Promise<number> {
    const { store, subscriber } = this.#options;
    const due = await store.reader.all<RetryRow>(
      `select key, event_id, state, attempts, due_at, envelope from ramet_retries
       where subscriber = ? and state in ('RETRYING', 'DRAINING') and due_at <= ramet_now() order by due_at limit ?`,
      subscriber,
      KEYS_AT_ONCE,
    );
    await Promise.all(due.map((row) => this.#advance(row)));
    if (due.length > 0) return 0;
    const next = await store.reader.get<{ wait: number | null }>(
      "select min(due_at) - ramet_now() as wait from ramet_retries where subscriber = ? and state in ('RETRYING', 'DRAINING')",
      subscriber,
    );
    return next?.wait == null ? POLL_MS : Math.max(1, Math.min(POLL_MS, Number(next.wait)));
  }

  async #advance(row: RetryRow): Promise<void> {
    if (row.state === 'DRAINING') return this.#promote(row.key);
    const { store, subscriber, handlers, platform } = this.#options;
    const envelope = JSON.parse(row.envelope) as Envelope;
    const attempts = Number(row.attempts) + 1;
    // Counted first, in a commit of its own: a handler that ends the process has been started all the same.
    const mine = await store.write(
      (tx) =>
        tx.run(
          "update ramet_retries set attempts = ? where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING' and attempts = ?",
          attempts,
          subscriber,
          row.key,
          row.event_id,
          Number(row.attempts),
        ),
      { name: `${subscriber} retry` },
    );
    if (mine === 0) return;
    if (attempts > this.#policy.maxAttempts)
      return this.#fail(
        envelope,
        attempts - 1,
        failureOf(new RametError('PermanentFailure', 'the process ended during the last attempt'), platform),
      );
    const handler = handlers.get(envelope.type);
    try {
      if (!handler) throw new RametError('UnknownEvent', `'${subscriber}' has no handler for '${envelope.type}' any more`);
      await this.#run(handler, envelope, row.key);
      this.#tell('handled', envelope);
    } catch (error) {
      if (error instanceof RametError && error.code === 'StoreUnavailable') throw error;
      await this.#fail(envelope, attempts, failureOf(error, platform));
    }
  }

  async #run(handler: EventHandler, envelope: Envelope, key: string): Promise<void> {
    const { store, subscriber } = this.#options;
    await store.write(
      async (tx) => {
        const mine = await tx.run(
          "update ramet_retries set state = 'DRAINING', due_at = 0 where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING'",
          subscriber,
          key,
          envelope.id,
        );
        if (mine === 0) return;
        await handler(envelope, tx);
      },
      { name: `${subscriber} on ${envelope.type}, again` },
    );
  }

  async #fail(envelope: Envelope, attempts: number, failure: Failure): Promise<void> {
    const { store, subscriber, platform } = this.#options;
    const final = failure.permanent || attempts >= this.#policy.maxAttempts;
    await store.write(
      async (tx) => {
        if (final) return deadLetter(tx, platform, subscriber, envelope, failure, attempts);
        await tx.run(
          'update ramet_retries set due_at = ramet_now() + ?, error = ? where subscriber = ? and key = ? and event_id = ?',
          Math.round(steadyBackoffMs(platform, this.#policy, attempts)),
          failure.message,
          subscriber,
          envelope.key,
          envelope.id,
        );
      },
      { name: `${subscriber} retry failed` },
    );
    this.#tell(final ? 'dead' : 'retrying', envelope, failure);
  }

  /** Makes the first parked event the head of its key, or opens the key when none is left; both in the transaction that looks. */
  async #promote(key: string): Promise<void> {
    const { store, subscriber } = this.#options;
    await store.write(
      async (tx) => {
        const next = await tx.get<{ seq: number; event_id: string; envelope: string }>(
          'select seq, event_id, envelope from ramet_parked where subscriber = ? and key = ? order by seq limit 1',
          subscriber,
          key,
        );
        if (!next) {
          await tx.run("delete from ramet_retries where subscriber = ? and key = ? and state = 'DRAINING'", subscriber, key);
          return;
        }
        await tx.run('delete from ramet_parked where subscriber = ? and key = ? and seq = ?', subscriber, key, Number(next.seq));
        await tx.run(
          `update ramet_retries set state = 'RETRYING', event_id = ?, envelope = ?, attempts = 0, due_at = 0, first_failed_at = ramet_now(), error = null
           where subscriber = ? and key = ?`,
          next.event_id,
          next.envelope,
          subscriber,
          key,
        );
      },
      { name: `${subscriber} drains a key` },
    );
  }

  #tell(outcome: EventOutcome, envelope: Envelope, failure?: Failure): void {
    this.#options.onOutcome?.(outcome, envelope, failure);
  }
}
