import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import type { OnBus } from './delivery.conformance.ts';

const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

/** Cases about the lag that a bus reports, and about its end. */
export function steadyCases(it: Case, onBus: OnBus): void {
  it(
    'lets go of the outbox of one source while others are read, and continues where it was when the outbox is back',
    onBus(async (bus) => {
      const process = await bus.start('mail', { sources: ['orders', 'stock'] });
      await bus.publish('orders', ['a', 'b']);
      await bus.untilEffects('mail', 2);
      for (let round = 1; round <= 3; round++) {
        await process.detach('orders');
        await bus.publish('orders', ['a', 'c']);
        await bus.publish('stock', ['a']);
        await bus.untilEffects('mail', 3 * round);
        expect((await bus.effects('mail')).at(-1)).toBe(`stock/a/${round}`);
        await process.attach('orders');
        await bus.untilEffects('mail', 2 + 3 * round);
      }
      await bus.expectOnceInOrder('mail', 11);
      expect(process.errors).toEqual([]);
    }),
  );

  it(
    'says how many events a group has still to settle',
    onBus(async (bus) => {
      await bus.publish('orders', keys(30, 5));
      let away = true;
      const process = await bus.start('mail', {
        sources: ['orders', 'payments'],
        handle: () => {
          if (away) throw new Error('not yet');
        },
        poison: 'halt',
        retry: { maxAttempts: 1_000, baseMs: 5, capMs: 20 },
      });
      await bus.until('all of them', async () => (await process.lag()) === 30);
      away = false;
      await bus.untilEffects('mail', 30);
      await bus.until('none', async () => (await process.lag()) === 0);
    }),
  );

  it(
    'ends in good order although it is stopped fifty times at once, and continues where it was',
    onBus(async (bus) => {
      const process = await bus.start('mail');
      await bus.publish('orders', keys(500, 5));
      await bus.untilEffects('mail', 1);
      await Promise.all(Array.from({ length: 50 }, () => process.stop()));
      await bus.start('mail');
      await bus.untilEffects('mail', 500);
      await bus.expectOnceInOrder('mail', 500);
    }),
  );

  it(
    'loses none of 10,000 events whose publisher ends at once',
    onBus(async (bus) => {
      await bus.introduce('mail');
      const publisher = await bus.start('search');
      await bus.publish('orders', keys(10_000, 50));
      await publisher.stop();
      await bus.start('mail');
      await bus.untilEffects('mail', 10_000, 40_000);
      await bus.expectOnceInOrder('mail', 10_000);
    }),
  );
}
