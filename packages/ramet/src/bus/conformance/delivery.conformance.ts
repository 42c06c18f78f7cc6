import { expect } from 'vitest';
import { RametError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import { type BusCapabilities, topicOf } from '../index.ts';
import { type BusFixture, FAST, flakyStore } from './fixture.conformance.ts';

export type OnBus = (run: (fixture: BusFixture) => Promise<void>) => () => Promise<void>;

const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

/** Cases about the way of events while nothing goes wrong for good. */
export function deliveryCases(it: Case, onBus: OnBus, { replay }: BusCapabilities): void {
  it(
    'gives every event of its sources to every group',
    onBus(async (bus) => {
      const groups = ['billing', 'mail', 'search'];
      await Promise.all(groups.map((group) => bus.start(group, { sources: ['orders', 'payments'] })));
      await Promise.all([bus.publish('orders', keys(100, 7)), bus.publish('payments', keys(50, 7))]);
      for (const group of groups) {
        await bus.untilEffects(group, 150);
        await bus.expectOnceInOrder(group, 150);
      }
    }),
  );

  it(
    'gives an event as it was published, whatever is in it',
    onBus(async (bus) => {
      const seen: unknown[] = [];
      await bus.start('mail', { handle: (envelope) => void seen.push(envelope) });
      const data = {
        n: 1,
        text: 'Größe 😀 \u0000 \u2028',
        empty: '',
        nested: { list: [1, null, { a: -0.5 }] },
        large: 'ä'.repeat(300_000),
      };
      const more = { initiator: 'usr_1', causationId: 'evt_0', version: 3, data };
      await bus.publish('orders', ['schlüssel/ 🔑'], more);
      await bus.untilEffects('mail', 1);
      expect(seen).toEqual([
        {
          id: 'evt_orders_schlüssel/ 🔑_1',
          type: 'orders.changed',
          source: 'orders',
          key: 'schlüssel/ 🔑',
          timestamp: '2026-07-31T12:00:00.000Z',
          correlationId: 'cor_1',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          ...more,
        },
      ]);
    }),
  );

  it(
    'stops between two events: the rest comes to the next process, and no attempt counts',
    onBus(async (bus) => {
      const policies = ['park-key', 'skip', 'halt'] as const;
      for (const poison of policies) await bus.introduce(poison);
      await bus.publish('orders', keys(300, 2));
      await Promise.all(
        policies.map(async (poison) => {
          const retry = { ...FAST, maxAttempts: 1 };
          const slow = await bus.start(poison, { retry, poison, handle: () => bus.platform.timers.sleep(20) });
          await bus.untilEffects(poison, 5);
          await slow.stop();
          expect((await bus.effects(poison)).length).toBeLessThan(200);
          expect(slow.errors).toEqual([]);
          await bus.start(poison, { retry, poison });
          await bus.untilEffects(poison, 300);
          await bus.expectOnceInOrder(poison, 300);
          expect(await bus.deadLetters(poison)).toEqual([]);
        }),
      );
    }),
  );

  it(
    'gives a group its topics only',
    onBus(async (bus) => {
      await bus.start('mail', { topics: new Set([topicOf('orders', 'placed')]) });
      await bus.publish('orders', keys(20, 3));
      await bus.publish('orders', ['last'], { type: topicOf('orders', 'placed') });
      await bus.untilEffects('mail', 1);
      expect(await bus.effects('mail')).toEqual(['orders/last/1']);
    }),
  );

  it(
    'keeps the order of each key, however long handlers take',
    onBus(async (bus) => {
      await bus.start('mail', {
        handle: async ({ data }) => {
          const n = (data as { n: number }).n;
          if (n % 11 === 0) await bus.platform.timers.sleep(bus.platform.random.next() * 2);
          else if (n % 3 === 0) await bus.platform.timers.yield();
        },
      });
      await bus.publish('orders', keys(1_000, 20));
      await bus.untilEffects('mail', 1_000);
      await bus.expectOnceInOrder('mail', 1_000);
    }),
  );

  it(
    'takes effect once although everything is delivered again',
    onBus(async (bus) => {
      const first = await bus.start('mail');
      await bus.publish('orders', keys(120, 10));
      await bus.untilEffects('mail', 120);
      await first.stop();
      await bus.rewind('mail');
      const again = await bus.start('mail');
      await bus.until('every event came again', () => again.outcomes.length >= 120);
      expect(again.outcomes.every(({ outcome }) => outcome === 'duplicate')).toBe(true);
      await bus.expectOnceInOrder('mail', 120);
    }),
  );

  it(
    'lets a group that was stopped catch up from where it was',
    onBus(async (bus) => {
      const first = await bus.start('mail');
      await bus.publish('orders', keys(30, 4));
      await bus.untilEffects('mail', 30);
      await first.stop();
      await bus.publish('orders', keys(30, 4));
      const second = await bus.start('mail');
      await bus.untilEffects('mail', 60);
      await bus.expectOnceInOrder('mail', 60);
      expect(second.outcomes).toHaveLength(30);
    }),
  );

  if (replay)
    it(
      'lets a new group begin at the beginning',
      onBus(async (bus) => {
        await bus.start('mail');
        await bus.publish('orders', keys(700, 10));
        await bus.untilEffects('mail', 700);
        await bus.start('search');
        await bus.untilEffects('search', 700);
        await bus.expectOnceInOrder('search', 700);
      }),
    );

  it(
    'does not let a slow group hold up another one',
    onBus(async (bus) => {
      let release: (() => void) | undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = { waiting: false };
      await bus.start('slow', {
        store: (store) => ({
          ...store,
          async write(work, options) {
            slow.waiting = true;
            await held;
            return store.write(work, options);
          },
        }),
      });
      await bus.start('quick');
      await bus.publish('orders', keys(50, 5));
      await bus.untilEffects('quick', 50);
      await bus.until('the slow group has begun', () => slow.waiting);
      expect(await bus.effects('slow')).toEqual([]);
      release?.();
      await bus.untilEffects('slow', 50);
    }),
  );

  it(
    'stops when the deliveries under way have ended, and not before',
    onBus(async (bus) => {
      let entered = false;
      const ended: string[] = [];
      const process = await bus.start('mail', {
        handle: async () => {
          entered = true;
          await bus.platform.timers.sleep(30);
          ended.push('handler');
        },
      });
      await bus.publish('orders', ['a']);
      await bus.until('the handler runs', () => entered);
      await process.stop();
      ended.push('stop');
      await bus.publish('orders', ['b']);
      await bus.platform.timers.sleep(30);
      expect(ended).toEqual(['handler', 'stop']);
      expect(await bus.effects('mail')).toEqual(['orders/a/1']);
    }),
  );

  it(
    'loses none of 10,000 events over immediate restarts',
    onBus(async (bus) => {
      const publishing = bus.publish('orders', keys(10_000, 50));
      for (let i = 0; i < 3; i++) {
        const process = await bus.start('mail');
        await bus.untilEffects('mail', i * 1_500 + 1);
        await process.stop();
      }
      await publishing;
      await bus.start('mail');
      await bus.untilEffects('mail', 10_000);
      await bus.expectOnceInOrder('mail', 10_000);
    }),
  );

  it(
    'delivers again, with growing pauses, while the store of the group is unavailable, and blames no event for it',
    onBus(async (bus) => {
      let away = true;
      let refused = 0;
      const process = await bus.start('mail', {
        store: flakyStore(() => {
          if (away) refused++;
          return away;
        }),
      });
      // Events that keep coming must not cut the pauses short.
      for (let i = 0; i < 40; i++) {
        await bus.publish('orders', ['a', 'b']);
        await bus.platform.timers.sleep(5);
      }
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(8);
      expect(process.errors.every((error) => error instanceof RametError && error.code === 'StoreUnavailable')).toBe(true);
      away = false;
      await bus.untilEffects('mail', 80);
      await bus.expectOnceInOrder('mail', 80);
      expect(process.outcomes.every(({ outcome }) => outcome === 'handled')).toBe(true);
    }),
  );
}
