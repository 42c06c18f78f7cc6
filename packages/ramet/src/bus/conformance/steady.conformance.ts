import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import type { Batch } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';

const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

/** Cases about what a bus holds, how far it says that it has come, and how it ends. */
export function steadyCases(it: Case, onBus: OnBus): void {
  it(
    'has one batch of a partition under way at most, and a bounded number of events, however slow the group is',
    onBus(async (bus) => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const process = await bus.start('mail', { handle: () => held });
      const { consumer } = process;
      const deliver = consumer.deliver.bind(consumer);
      let underWay = 0;
      const seen = { atOnce: 0, events: 0 };
      consumer.deliver = async (batch: Batch) => {
        underWay++;
        seen.atOnce = Math.max(seen.atOnce, underWay);
        seen.events = Math.max(seen.events, batch.deliveries.length);
        await deliver(batch);
        underWay--;
      };
      await bus.publish('orders', ['first']);
      await bus.until('the first is under way', () => underWay > 0);
      await bus.publish('orders', keys(6_000, 20));
      await bus.platform.timers.sleep(300);
      expect(underWay).toBe(1);
      release();
      await bus.untilEffects('mail', 6_001);
      expect(seen.atOnce).toBe(1);
      expect(seen.events).toBeLessThan(5_000);
      await bus.expectOnceInOrder('mail', 6_001);
    }),
  );

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
    'does not say that it has come past an event that is under way',
    onBus(async (bus) => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let entered = false;
      const process = await bus.start('mail', {
        store: (store) => ({
          ...store,
          write: async (work, options) =>
            store.write(work, options).then(async (value) => {
              // The answer of the first effect is late; those of other keys are not.
              if (options?.name?.includes(' on ') && !entered) {
                entered = true;
                await held;
              }
              return value;
            }),
        }),
      });
      await bus.publish('orders', keys(60, 60));
      await bus.until('one is under way', () => entered);
      // Where several events share a transaction, others wait for it.
      await bus.platform.timers.sleep(50);
      await process.consumer.flush();
      const store = await bus.store('mail');
      expect(await store.reader.all('select source from ramet_claims where checkpoint > 0')).toEqual([]);
      expect(await process.lag()).toBe(60);
      release();
      await bus.untilEffects('mail', 60);
      await bus.until('nothing is left', async () => (await process.lag()) === 0);
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
    'ends in good order although it is told so fifty times at once, and goes on where it was',
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
      const publisher = await bus.start('search');
      await bus.publish('orders', keys(10_000, 50));
      await publisher.stop();
      await bus.start('mail');
      await bus.untilEffects('mail', 10_000, 40_000);
      await bus.expectOnceInOrder('mail', 10_000);
    }),
  );
}
