import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import type { OnBus } from './delivery.conformance.ts';

/** Stops and starts the broker of a place; its data stays. */
export interface Outage {
  stop(): Promise<void>;
  start(): Promise<void>;
  /** As after a crash. */
  restart(): Promise<void>;
}

const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);
const RECOVERED_MS = 60_000;

/** Cases about a broker that goes away and comes back. */
export function outageCases(it: Case, onBus: OnBus, outage: Outage): void {
  it(
    'loses and repeats nothing although the broker restarts at a third and at a half of 10,000 events',
    onBus(async (bus) => {
      await bus.start('mail', { sources: ['orders', 'payments'] });
      const publish = async (count: number) => {
        for (let i = 0; i < count; i += 100) await Promise.all([bus.publish('orders', keys(50, 9)), bus.publish('payments', keys(50, 9))]);
      };
      await publish(3_300);
      const [, second] = await Promise.all([outage.restart(), publish(1_700)]);
      await outage.restart();
      await publish(5_000);
      expect(second).toBeUndefined();
      await bus.untilEffects('mail', 10_000, RECOVERED_MS);
      await bus.expectOnceInOrder('mail', 10_000);
    }),
  );

  it(
    'accepts what is published while the broker is unavailable, and delivers it when it is back',
    onBus(async (bus) => {
      const process = await bus.start('mail');
      await bus.publish('orders', keys(20, 4));
      await bus.untilEffects('mail', 20);
      await outage.stop();
      try {
        await bus.publish('orders', keys(500, 4));
        await bus.until('it is reported', () => process.errors.length > 0, RECOVERED_MS);
      } finally {
        await outage.start();
      }
      await bus.publish('orders', keys(20, 4));
      await bus.untilEffects('mail', 540, RECOVERED_MS);
      await bus.expectOnceInOrder('mail', 540);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

  it(
    'starts and ends while the broker is unavailable',
    onBus(async (bus) => {
      await bus.publish('orders', keys(10, 2));
      await outage.stop();
      try {
        const early = await bus.start('mail');
        await bus.until('it is reported', () => early.errors.length > 0, RECOVERED_MS);
        await early.stop();
        await bus.start('mail');
      } finally {
        await outage.start();
      }
      await bus.untilEffects('mail', 10, RECOVERED_MS);
      await bus.expectOnceInOrder('mail', 10);
    }),
  );
}
