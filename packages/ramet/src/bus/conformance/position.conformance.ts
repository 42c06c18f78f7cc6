import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import { type Batch, topicOf } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { FAST, flakyStore } from './fixture.conformance.ts';

const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

/** Cases about logs: what a group writes down of its positions, and what a bus makes of them. */
export function positionCases(it: Case, onBus: OnBus): void {
  it(
    'takes effect once although the same events are delivered a thousand times at once',
    onBus(async (bus) => {
      const process = await bus.start('mail', { topics: new Set([topicOf('orders', 'changed')]), sources: [] });
      await bus.publish('orders', keys(10, 3));
      const outbox = await bus.outbox('orders');
      const deliveries = (await outbox.read(0, 0, 10)).map(({ pos, envelope }) => ({ pos, envelope: JSON.parse(envelope) }));
      const batch = { log: 'orders', p: 0, through: 10, deliveries };
      await Promise.all(Array.from({ length: 100 }, () => process.consumer.deliver(batch)));
      expect(process.outcomes.filter(({ outcome }) => outcome === 'handled')).toHaveLength(10);
      expect(process.outcomes).toHaveLength(1_000);
      expect(new Set(await bus.effects('mail')).size).toBe(10);
      expect(await bus.effects('mail')).toHaveLength(10);
    }),
  );

  it(
    'does not suspect an event of ending the process because the store is unavailable after a crash',
    onBus(async (bus) => {
      const first = await bus.start('mail', { handle: (_, __, process) => process.kill() });
      await bus.publish('orders', ['a', 'b']);
      await bus.until('the claim is written', async () => {
        const store = await bus.store('mail');
        return (await store.reader.get('select 1 from ramet_claims where claimed_to > checkpoint')) !== undefined;
      });
      expect(first.outcomes).toEqual([]);
      let refusals = 0;
      const second = await bus.start('mail', { store: flakyStore((name) => name.includes(' on ') && refusals++ < FAST.maxAttempts - 1) });
      await bus.untilEffects('mail', 2);
      await bus.expectOnceInOrder('mail', 2);
      expect(second.outcomes.filter(({ outcome }) => outcome !== 'duplicate')).toHaveLength(2);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

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
    'does not report progress past an event that is under way',
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
}
