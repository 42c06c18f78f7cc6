import { RametError } from '../../errors/index.ts';
import { ATTEMPT_LEASE_MS, Periodic, steadyBackoffMs } from '../../platform/index.ts';
import type { Tx } from '../../store/index.ts';
import type { Envelope } from '../envelope.ts';
import { isUnordered } from './blocked-keys.ts';
import { failureOf, type HandlerFailure, isNotItsFault } from './failure.ts';
import type { ConsumerContext, EventHandler, EventOutcome } from './options.ts';
import { POLICIES } from './policies/policies.ts';

interface RetryRow {
  readonly key: string;
  readonly event_id: string;
  readonly state: 'RETRYING' | 'DRAINING' | 'QUARANTINED';
  readonly attempts: number;
  readonly envelope: string;
}

/** A row as a round finds it. */
interface FoundRow extends RetryRow {
  /** Milliseconds until it is due. */
  readonly wait: number;
}

const COLUMNS = 'key, event_id, state, attempts, envelope';
/** How long at most until a due retry is seen without a wake-up. */
const POLL_MS = 5_000;
const KEYS_AT_ONCE = 16;
/** How long a key with a backlog is worked on until the other keys that are due have their turn. */
const TURN_MS = 100;

/** Works on blocked keys when they are due: first the event that failed, then those that waited behind it, in their order. */
export class RetryWorker {
  readonly #context: ConsumerContext;
  readonly #loop: Periodic;
  /** Attempts that were counted and then not made, because the store was unavailable: by event, the count. */
  readonly #unspent = new Map<string, number>();
  readonly #busy = new Map<string, Promise<void>>();
  /** Why a turn broke off: the next round reports it, and pauses. */
  #failure: { readonly error: unknown } | undefined;

  constructor(context: ConsumerContext) {
    this.#context = context;
    this.#loop = new Periodic(context.platform, () => this.#round(), context.onError);
  }

  start(): void {
    this.#loop.start();
  }

  /** Begins no further turn, and resolves when those under way have ended. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#busy.values());
  }

  /** Look again now: something became due. */
  wake(): void {
    this.#loop.wake();
  }

  /** Begins on every key that is due and has a place. @returns in how many milliseconds to look again */
  async #round(): Promise<number> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
    const { store, subscriber } = this.#context;
    // A single process continues at once what its predecessor left; where stores are shared, a lease names the process at work.
    const free = store.capabilities.shared ? 'and lease_until <= ramet_now()' : '';
    // One look-up for each state, of the earliest only. Those that have a turn are among them.
    const limit = KEYS_AT_ONCE + this.#busy.size + 1;
    const rows = await store.reader.all<FoundRow>(
      ['DRAINING', 'RETRYING']
        .map(
          (state) =>
            `select * from (select ${COLUMNS}, due_at - ramet_now() as wait from ramet_retries
             where subscriber = ? and state = '${state}' ${free} order by due_at, key limit ?) as ${state}`,
        )
        .join(' union all '),
      subscriber,
      limit,
      subscriber,
      limit,
    );
    for (const row of rows.sort((a, b) => Number(a.wait) - Number(b.wait))) {
      if (this.#busy.has(row.key)) continue;
      if (Number(row.wait) > 0) return Math.max(1, Math.min(POLL_MS, Number(row.wait)));
      if (this.#busy.size >= KEYS_AT_ONCE) return POLL_MS;
      this.#busy.set(row.key, this.#turn(row));
    }
    return POLL_MS;
  }

  /**
   * One key's turn: its event that is due, and those behind it until the turn is over. Then the key waits behind all others that are
   * due, so that the backlog of one cannot keep another one's retry from its time.
   */
  async #turn(first: RetryRow): Promise<void> {
    try {
      const { clock } = this.#context.platform;
      const untilMono = clock.monoNow() + TURN_MS;
      for (let row = await this.#advance(first); row && clock.monoNow() < untilMono; ) row = await this.#advance(row);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#busy.delete(first.key);
      this.#loop.wake();
    }
  }

  /** @returns the row of the key's next event, when that one is due now */
  async #advance(row: RetryRow): Promise<RetryRow | undefined> {
    if (row.state === 'DRAINING') return this.#promote(row.key);
    const { envelope } = this.#context.spans.begin({ envelope: JSON.parse(row.envelope) as Envelope });
    try {
      return await this.#attempt(row, envelope);
    } finally {
      this.#context.spans.leave(envelope);
    }
  }

  async #attempt(row: RetryRow, envelope: Envelope): Promise<RetryRow | undefined> {
    const { subscriber, handlers, platform } = this.#context;
    const attempts = await this.#count(row);
    if (attempts === undefined) return undefined;
    if (attempts > this.#context.retry.maxAttempts) {
      const ended = new RametError('PermanentFailure', 'the process ended during the last attempt');
      await this.#fail(row, envelope, failureOf(ended, platform), attempts, attempts - 1);
      return undefined;
    }
    const handler = handlers.get(envelope.type);
    try {
      if (!handler) throw new RametError('UnknownEvent', `'${subscriber}' has no handler for '${envelope.type}' any more`);
      if (await this.#run(handler, envelope, row)) this.#report('handled', envelope);
      return isUnordered(row) ? undefined : await this.#promote(row.key);
    } catch (error) {
      if (isNotItsFault(error)) {
        this.#unspent.set(row.event_id, attempts);
        throw error;
      }
      await this.#fail(row, envelope, failureOf(error, platform), attempts);
      return undefined;
    }
  }

  /**
   * Counts an attempt before it is made, in a commit of its own: a handler that ends the process was started, too.
   * @returns which attempt it is, or undefined when another process makes it
   */
  async #count(row: RetryRow): Promise<number | undefined> {
    const { store, subscriber } = this.#context;
    const spent = Number(row.attempts);
    const unspent = this.#unspent.get(row.event_id) === spent;
    this.#unspent.delete(row.event_id);
    if (unspent) return spent;
    const mine = await store.write(
      (tx) =>
        tx.run(
          `update ramet_retries set attempts = ?, lease_until = ramet_now() + ?
           where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING' and attempts = ?`,
          spent + 1,
          ATTEMPT_LEASE_MS,
          subscriber,
          row.key,
          row.event_id,
          spent,
        ),
      { name: `${subscriber} retry` },
    );
    return mine > 0 ? spent + 1 : undefined;
  }

  /** @returns whether the event was still ours to handle */
  async #run(handler: EventHandler, envelope: Envelope, row: RetryRow): Promise<boolean> {
    const { store, subscriber } = this.#context;
    return store.write(
      async (tx) => {
        const mine = await tx.run(
          isUnordered(row)
            ? "delete from ramet_retries where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING'"
            : `update ramet_retries set state = 'DRAINING', due_at = ramet_now(), lease_until = 0
               where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING'`,
          subscriber,
          row.key,
          envelope.id,
        );
        if (mine > 0) await handler(envelope, tx);
        return mine > 0;
      },
      { name: `${subscriber} on ${envelope.type}, again`, trace: envelope },
    );
  }

  /**
   * Plans the next attempt, or makes the event a dead letter; nothing of that when another one has been counted since, or a person
   * has had it tried from the beginning: then this attempt took longer than its lease.
   * @param counted which attempt it was by the row
   * @param attempts how many were made
   */
  async #fail(row: RetryRow, envelope: Envelope, failure: HandlerFailure, counted: number, attempts = counted): Promise<void> {
    const { store, subscriber, platform } = this.#context;
    const final = failure.permanent || attempts >= this.#context.retry.maxAttempts;
    const mine = await store.write(
      async (tx) => {
        const failed = await tx.run(
          `update ramet_retries set due_at = ramet_now() + ?, lease_until = 0, error = ?
           where subscriber = ? and key = ? and event_id = ? and state = 'RETRYING' and attempts = ?`,
          Math.round(steadyBackoffMs(platform, this.#context.retry, attempts)),
          failure.message,
          subscriber,
          row.key,
          envelope.id,
          counted,
        );
        const policy = POLICIES[isUnordered(row) ? 'skip' : 'park-key'];
        if (failed > 0 && final) await policy.bury(tx, this.#context, { envelope, failure, attempts });
        return failed > 0;
      },
      { name: `${subscriber} retry failed` },
    );
    if (mine) this.#report(final ? 'dead' : 'retrying', envelope, failure, attempts);
  }

  /**
   * Makes what comes next the head of its key (another dead letter of it, else the first parked event), or opens the key when
   * nothing is left; all in the transaction that looks.
   * @returns the head, when it is to be handled
   */
  async #promote(key: string): Promise<RetryRow | undefined> {
    const { store, subscriber } = this.#context;
    return store.write(
      async (tx) => {
        const draining = await tx.run(
          "update ramet_retries set due_at = due_at where subscriber = ? and key = ? and state = 'DRAINING'",
          subscriber,
          key,
        );
        if (draining === 0) return undefined;
        const letter = await tx.get<{ event_id: string; envelope: string }>(
          "select event_id, envelope from ramet_dead_letters where subscriber = ? and key = ? and policy = 'park-key' order by first_failed_at, event_id limit 1",
          subscriber,
          key,
        );
        if (letter) {
          await makeHead(tx, subscriber, key, 'QUARANTINED', letter);
          return undefined;
        }
        const next = await tx.get<{ seq: number; event_id: string; envelope: string }>(
          'select seq, event_id, envelope from ramet_parked where subscriber = ? and key = ? order by seq limit 1',
          subscriber,
          key,
        );
        if (!next) {
          await tx.run('delete from ramet_retries where subscriber = ? and key = ?', subscriber, key);
          return undefined;
        }
        await tx.run('delete from ramet_parked where subscriber = ? and key = ? and seq = ?', subscriber, key, Number(next.seq));
        await makeHead(tx, subscriber, key, 'RETRYING', next);
        return { key, event_id: next.event_id, state: 'RETRYING', attempts: 0, envelope: next.envelope } as const;
      },
      { name: `${subscriber} drains a key` },
    );
  }

  #report(outcome: EventOutcome, envelope: Envelope, failure?: HandlerFailure, attempt?: number): void {
    this.#context.onOutcome?.(outcome, envelope, failure, attempt);
  }
}

/** From now on the row of the key is this event's, and waits behind all that are due already. */
async function makeHead(
  tx: Tx,
  subscriber: string,
  key: string,
  state: RetryRow['state'],
  event: { readonly event_id: string; readonly envelope: string },
): Promise<void> {
  await tx.run(
    `update ramet_retries set state = ?, event_id = ?, envelope = ?, attempts = 0, due_at = ramet_now(), lease_until = 0, first_failed_at = ramet_now(), error = null
     where subscriber = ? and key = ?`,
    state,
    event.event_id,
    event.envelope,
    subscriber,
    key,
  );
}
