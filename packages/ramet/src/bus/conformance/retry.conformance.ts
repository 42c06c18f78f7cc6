import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import type { OnBus } from './delivery.conformance.ts';
import { type BusFixture, FAST, flakyStore } from './fixture.conformance.ts';

/** Cases about attempts that are made from the table of retries. */
export function retryCases(it: Case, onBus: OnBus): void {
  it(
    'retries an event in its time while the backlogs of other keys drain, which take turns',
    onBus(async (bus) => {
      let broken = true;
      let failedOnce = false;
      const process = await bus.start('mail', {
        retry: { maxAttempts: 5, baseMs: 20, capMs: 40 },
        handle: async ({ key, data }) => {
          if (key === 'late' && !failedOnce) {
            failedOnce = true;
            throw new Error('once');
          }
          if (key === 'late') return;
          if ((data as { n: number }).n === 1 && broken) throw new PermanentError('broken');
          await bus.platform.timers.sleep(3);
        },
      });
      const hot = Array.from({ length: 17 }, (_, i) => `hot${String(i).padStart(2, '0')}`);
      const each = 15;
      for (let n = 0; n < each; n++) await bus.publish('orders', hot);
      await bus.until('all wait', async () => {
        const letters = await bus.deadLetters('mail');
        return letters.length === hot.length && letters.every(({ parked }) => parked === each - 1);
      });
      broken = false;
      expect(await bus.settle(process, 'mail')).toBe(hot.length);
      await bus.untilEffects('mail', 1);
      await bus.publish('orders', ['late']);
      await bus.untilEffects('mail', hot.length * each + 1, 60_000);
      const effects = await bus.effects('mail');
      const place = effects.indexOf('orders/late/1');
      expect(place).toBeLessThan(effects.length / 2);
      await bus.expectOnceInOrder('mail', hot.length * each + 1);
      // The last key does not wait for the first ones either.
      expect(effects.findIndex((effect) => effect.startsWith('orders/hot16/'))).toBeLessThan(effects.length / 2);
    }),
  );

  it(
    'does not spend the attempts of an event on a store that is unavailable',
    onBus(async (bus) => {
      let away = false;
      let failures = 0;
      const process = await bus.start('mail', {
        store: flakyStore((name) => away && name.endsWith('again')),
        handle: () => {
          if (failures++ > 0) return;
          away = true;
          throw new Error('once');
        },
        retry: { maxAttempts: 2, baseMs: 4, capMs: 16 },
      });
      await bus.publish('orders', ['a']);
      await bus.until('the first attempt failed', () => process.outcomes.length === 1);
      for (let i = 0; i < 5; i++) {
        await bus.platform.timers.sleep(25);
        process.consumer.retries.wake();
      }
      away = false;
      process.consumer.retries.wake();
      await bus.untilEffects('mail', 1);
      expect(process.outcomes.map(({ outcome }) => outcome)).toEqual(['retrying', 'handled']);
    }),
  );

  it(
    'leaves a retry to those who have it now when an attempt has taken longer than its lease',
    onBus(async (bus) => {
      let failures = 0;
      let begun = false;
      await bus.start('mail', {
        handle: ({ key }) => {
          if (key === 'bad' && ++failures <= FAST.maxAttempts) throw new Error('not now');
        },
        store: (store) => ({
          ...store,
          async write(work, options) {
            // The last attempt has failed, and a person has had the event tried from the beginning before that is written.
            if (failures === FAST.maxAttempts && options?.name === 'mail retry failed' && !begun) {
              begun = true;
              await store.write((tx) => tx.run("update ramet_retries set attempts = 0, lease_until = 0 where state = 'RETRYING'"));
            }
            return store.write(work, options);
          },
        }),
      });
      await bus.publish('orders', ['a', 'bad', 'b', 'c']);
      await bus.untilEffects('mail', 4);
      await bus.expectOnceInOrder('mail', 4);
      expect([begun, failures, await bus.deadLetters('mail')]).toEqual([true, FAST.maxAttempts + 1, []]);
    }),
  );

  it(
    'leaves an attempt to the replica that makes it, where stores are shared, until its lease ends',
    onBus(async (bus) => {
      let starts = 0;
      let broken = true;
      const options = {
        store: (store: Awaited<ReturnType<BusFixture['store']>>) => ({ ...store, capabilities: { ...store.capabilities, shared: true } }),
        retry: { ...FAST, maxAttempts: 10 },
      };
      const first = await bus.start('mail', {
        ...options,
        handle: (_, __, process) => {
          if (++starts === 1) throw new Error('the first time only an error');
          process.kill();
        },
      });
      await bus.publish('orders', ['a']);
      await bus.until('the second attempt has begun', () => starts === 2);
      expect(first.outcomes).toHaveLength(1);
      await bus.start('mail', { ...options, handle: () => void (broken && starts++) });
      await bus.platform.timers.sleep(60);
      expect(starts).toBe(2);
      broken = false;
      const store = await bus.store('mail');
      await store.write((tx) => tx.run('update ramet_retries set lease_until = 0'));
      await bus.untilEffects('mail', 1);
    }),
  );
}
