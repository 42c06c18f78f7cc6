import { steadyBackoffMs } from '../../../platform/index.ts';
import type { Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import { park } from '../blocked-keys.ts';
import type { HandlerFailure } from '../failure.ts';
import { takeOver } from '../inbox.ts';
import type { GivenUp, Letter } from '../letters.ts';
import type { ConsumerContext, EventOutcome, PoisonPolicy } from '../options.ts';
import type { Origin } from '../origin.ts';
import type { PoisonRule } from './policy.ts';

/** Sets an event aside that failed: it is tried again from a table, or is a dead letter. Its partition continues without it. */
export abstract class SettingAside implements PoisonRule {
  abstract readonly name: PoisonPolicy;
  readonly oneByOne = false;

  abstract isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> | false;
  abstract blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<ReadonlySet<string>> | ReadonlySet<string>;
  abstract bury(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void>;
  abstract release(tx: Tx, letter: Letter, how: 'replay' | 'discard'): Promise<void>;
  /** Plans another attempt of an event. */
  protected abstract plan(tx: Tx, subscriber: string, event: GivenUp, delayMs: number): Promise<void>;

  resume(): false {
    return false;
  }

  haltedAttempt(): false {
    return false;
  }

  refuse(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void> {
    return this.bury(tx, context, event);
  }

  async failed(context: ConsumerContext, origin: Origin, { envelope }: Delivery, failure: HandlerFailure, attempts: number): Promise<void> {
    const { store, subscriber, platform, retry, onOutcome } = context;
    const final = failure.permanent || attempts >= retry.maxAttempts;
    const event: GivenUp = { envelope, failure, attempts };
    const mine = await store.write(
      async (tx) => {
        await origin.hold(tx);
        if (!(await takeOver(tx, subscriber, envelope))) return false;
        if (final) await this.bury(tx, context, event);
        else await this.plan(tx, subscriber, event, steadyBackoffMs(platform, retry, attempts));
        return true;
      },
      { name: `${subscriber} sets ${envelope.type} aside` },
    );
    if (!mine) return;
    onOutcome?.(final ? 'dead' : 'retrying', envelope, failure, attempts);
    if (!final) context.wakeRetries();
  }

  /** One whose key is blocked was not started at all: it waits like others, and its starts are counted when its turn comes. */
  async giveUp(context: ConsumerContext, origin: Origin, { envelope }: Delivery, failure: HandlerFailure, attempts: number): Promise<void> {
    const { store, subscriber, onOutcome } = context;
    const outcome = await store.write(
      async (tx): Promise<EventOutcome> => {
        await origin.hold(tx);
        if (!(await takeOver(tx, subscriber, envelope))) return 'duplicate';
        if (await this.isBlocked(tx, subscriber, envelope.key)) {
          await park(tx, subscriber, envelope);
          return 'parked';
        }
        await this.bury(tx, context, { envelope, failure, attempts });
        return 'dead';
      },
      { name: `${subscriber} buries ${envelope.type}` },
    );
    onOutcome?.(outcome, envelope, outcome === 'dead' ? failure : undefined);
  }
}
