import type { Tx } from '../../../store/index.ts';
import { block, unblock } from '../blocked-keys.ts';
import { type GivenUp, type Letter, writeLetter } from '../letters.ts';
import type { ConsumerContext } from '../options.ts';
import { SettingAside } from './set-aside.ts';

const NONE: ReadonlySet<string> = new Set();

/** Nothing waits for an event that failed; events of one key may overtake each other. */
export class Skip extends SettingAside {
  readonly name = 'skip';

  /** Only rows of an earlier policy could block a key, and nothing waits for those. */
  isBlocked(): false {
    return false;
  }

  blockedOf(): ReadonlySet<string> {
    return NONE;
  }

  async bury(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void> {
    await writeLetter(tx, context, this.name, event);
    await unblock(tx, context.subscriber, event.envelope);
  }

  async release(tx: Tx, { subscriber, event_id, envelope }: Letter, how: 'replay' | 'discard'): Promise<void> {
    if (how === 'discard') return;
    await tx.run(
      `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, envelope)
       values (?, ?, ?, 'RETRYING', 0, ramet_now(), ramet_now(), ?) on conflict do nothing`,
      subscriber,
      event_id,
      event_id,
      envelope,
    );
  }

  protected async plan(tx: Tx, subscriber: string, event: GivenUp, delayMs: number): Promise<void> {
    await block(tx, subscriber, { key: event.envelope.id, event }, delayMs);
  }
}
