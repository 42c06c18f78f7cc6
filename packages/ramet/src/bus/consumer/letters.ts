import type { Tx } from '../../store/index.ts';
import type { Envelope } from '../envelope.ts';
import type { HandlerFailure } from './failure.ts';
import type { ConsumerContext, PoisonPolicy } from './options.ts';

/** A row of `ramet_dead_letters`, as far as its return to the subscriber needs it. */
export interface Letter {
  readonly subscriber: string;
  readonly key: string;
  readonly event_id: string;
  readonly policy: PoisonPolicy;
  readonly envelope: string;
}

/** An event that was given up. */
export interface GivenUp {
  readonly envelope: Envelope;
  readonly failure: HandlerFailure;
  /** How many attempts were made. */
  readonly attempts: number;
}

/** Writes a dead letter. One that exists already was written under another policy, and is replaced. */
export async function writeLetter(
  tx: Tx,
  { platform, subscriber }: Pick<ConsumerContext, 'platform' | 'subscriber'>,
  policy: PoisonPolicy,
  { envelope, failure, attempts }: GivenUp,
): Promise<void> {
  const first = await tx.get<{ first_failed_at: number }>(
    `select first_failed_at from ramet_retries where subscriber = ? and event_id = ?
     union all select first_failed_at from ramet_halts where subscriber = ? and event_id = ?`,
    subscriber,
    envelope.id,
    subscriber,
    envelope.id,
  );
  await tx.run(
    `insert into ramet_dead_letters
       (id, subscriber, event_id, event, key, envelope, reason, error, stack, stack_hash, attempts, first_failed_at, last_failed_at, policy)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, ramet_now()), ramet_now(), ?)
     on conflict (id) do update set reason = excluded.reason, error = excluded.error, stack = excluded.stack, stack_hash = excluded.stack_hash,
       attempts = excluded.attempts, last_failed_at = excluded.last_failed_at, policy = excluded.policy`,
    `dl_${platform.crypto.sha256(`${subscriber}/${envelope.id}`).slice(0, 24)}`,
    subscriber,
    envelope.id,
    envelope.type,
    envelope.key,
    JSON.stringify(envelope),
    failure.code,
    failure.message,
    failure.stack,
    failure.stackHash,
    attempts,
    first?.first_failed_at ?? null,
    policy,
  );
}
