import type { Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import type { Envelope } from '../../envelope.ts';
import { block, blockedOf, isBlocked, park, quarantine } from '../blocked-keys.ts';
import { type GivenUp, type Letter, writeLetter } from '../letters.ts';
import type { ConsumerContext } from '../options.ts';
import { SettingAside } from './set-aside.ts';

/** Later events of the key wait behind the one that failed, in their order; other keys continue. */
export class ParkKey extends SettingAside {
  readonly name = 'park-key';

  isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> {
    return isBlocked(tx, subscriber, key);
  }

  blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<ReadonlySet<string>> {
    return blockedOf(tx, subscriber, deliveries);
  }

  /** The key stays in quarantine until the letter is replayed or discarded. */
  async bury(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void> {
    await writeLetter(tx, context, this.name, event);
    await quarantine(tx, context.subscriber, event);
  }

  async release(tx: Tx, { subscriber, key, event_id, envelope }: Letter, how: 'replay' | 'discard'): Promise<void> {
    const head = await tx.run(
      `update ramet_retries set state = ?, attempts = 0, due_at = ramet_now(), error = null
       where subscriber = ? and key = ? and event_id = ? and state = 'QUARANTINED'`,
      how === 'replay' ? 'RETRYING' : 'DRAINING',
      subscriber,
      key,
      event_id,
    );
    // Another event blocks the key: this one comes right after it.
    if (head === 0 && how === 'replay') {
      await openNext(tx, subscriber, key);
      await park(tx, subscriber, JSON.parse(envelope) as Envelope, 'first');
    }
  }

  protected async plan(tx: Tx, subscriber: string, event: GivenUp, delayMs: number): Promise<void> {
    const { envelope } = event;
    if (!(await block(tx, subscriber, { key: envelope.key, event }, delayMs))) await park(tx, subscriber, envelope);
  }
}

/** Lets the parked events of a key be handled that nothing blocks; a row that blocks it stays until the transaction ends. */
async function openNext(tx: Tx, subscriber: string, key: string): Promise<void> {
  await tx.run(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, envelope)
     values (?, ?, '', 'DRAINING', 0, ramet_now(), ramet_now(), '')
     on conflict (subscriber, key) do update set due_at = ramet_retries.due_at`,
    subscriber,
    key,
  );
}
