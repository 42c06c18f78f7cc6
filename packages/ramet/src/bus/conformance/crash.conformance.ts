import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import type { BusCapabilities } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { FAST, type Process } from './fixture.conformance.ts';

/** Cases about processes that end without a word. */
export function crashCases(it: Case, onBus: OnBus, { order }: BusCapabilities): void {
  it(
    'takes effect once when the process ends between the effect and its checkpoint',
    onBus(async (bus) => {
      let handled = 0;
      const first = await bus.start('mail', {
        handle: (_, tx, process) => {
          if (++handled === 8) tx.afterCommit(() => process.kill());
        },
      });
      await bus.publish(
        'orders',
        Array.from({ length: 20 }, (_, i) => `k${i % 3}`),
      );
      await bus.until('the process ended', () => handled >= 8);
      await bus.platform.timers.sleep(20);
      const before = await bus.effects('mail');
      expect(before.length).toBeGreaterThanOrEqual(8);
      expect(before.length).toBeLessThan(20);
      expect(first.outcomes.length).toBeLessThan(20);
      await bus.start('mail');
      await bus.untilEffects('mail', 20);
      await bus.expectOnceInOrder('mail', 20);
    }),
  );

  // Without an order the second of its key may be handled before it.
  if (order !== 'none')
    it(
      'sets an event aside that ends the process, without running it once more than allowed',
      onBus(async (bus) => {
        let starts = 0;
        let ended = true;
        const handle = async ({ key }: { key: string }, _: unknown, process: Process) => {
          if (key !== 'poison') return;
          starts++;
          ended = true;
          process.kill();
          throw new Error('the process has ended');
        };
        await bus.publish('orders', ['a', 'b', 'poison', 'a', 'c', 'poison', 'd']);
        await bus.until('a dead letter', async () => {
          if (ended) {
            ended = false;
            await bus.start('mail', { handle });
          }
          return (await bus.deadLetters('mail')).length > 0;
        });
        expect(starts).toBe(FAST.maxAttempts);
        await bus.untilEffects('mail', 5);
        expect((await bus.effects('mail')).toSorted()).toEqual(['orders/a/1', 'orders/a/2', 'orders/b/1', 'orders/c/1', 'orders/d/1']);
        await bus.until('the next one of its key waits', async () => (await bus.deadLetters('mail'))[0]?.parked === 1);
        expect(await bus.deadLetters('mail')).toMatchObject([{ key: 'poison', eventId: 'evt_orders_poison_1', attempts: 3 }]);
      }),
    );

  it(
    'sets an event aside that ends the process when it is tried again',
    onBus(async (bus) => {
      let starts = 0;
      let ended = true;
      const handle = async (_: unknown, __: unknown, process: Process) => {
        if (++starts === 1) throw new Error('the first time only an error');
        ended = true;
        process.kill();
        throw new Error('the process has ended');
      };
      await bus.publish('orders', ['poison']);
      await bus.until('a dead letter', async () => {
        if (ended) {
          ended = false;
          await bus.start('mail', { handle });
        }
        return (await bus.deadLetters('mail')).length > 0;
      });
      expect(starts).toBe(FAST.maxAttempts);
      expect(await bus.deadLetters('mail')).toMatchObject([{ attempts: 3 }]);
    }),
  );

  for (const poison of ['park-key', 'skip', 'halt'] as const)
    it(
      `keeps every promise under random failures, crashes and replays (${poison})`,
      onBus(async (bus) => {
        const seed = Math.floor(bus.platform.random.next() * 2 ** 31);
        const chance = dice(seed);
        let calm = false;
        let process: Process | undefined;
        const handle = async (_: unknown, tx: { afterCommit(action: () => void): void }, self: Process) => {
          if (calm) return;
          const roll = chance();
          const die = () => {
            self.kill();
            if (process === self) process = undefined;
          };
          if (roll < 0.15) throw new Error('transient');
          if (roll < 0.18) throw new PermanentError('permanent');
          if (roll < 0.21) die();
          else if (roll < 0.24) tx.afterCommit(die);
          else if (roll < 0.4) await bus.platform.timers.yield();
        };
        const keys = Array.from({ length: 300 }, () => `k${Math.floor(chance() * 6)}`);
        try {
          for (let i = 0; i < 300 || !calm; i += 10) {
            if (i < 300) {
              await bus.publish('orders', keys.slice(i, i + 6));
              await bus.publish('payments', keys.slice(i + 6, i + 10));
            }
            process ??= await bus.start('mail', { sources: ['orders', 'payments'], handle, poison, retry: { ...FAST, baseMs: 1 } });
            if (i % 50 === 0) await bus.settle(process, 'mail');
            if (i > 200 && chance() < 0.1)
              await process?.stop().then(() => {
                process = undefined;
              });
            await bus.platform.timers.sleep(chance() * 5);
            calm = i >= 400;
          }
          process ??= await bus.start('mail', { sources: ['orders', 'payments'], handle, poison });
          await bus.until('every event took effect', async () => {
            // What was begun before it got calm may still end the process.
            process ??= await bus.start('mail', { sources: ['orders', 'payments'], handle, poison });
            await bus.settle(process, 'mail');
            return (await bus.effects('mail')).length >= 300;
          });
          if (poison === 'skip') expect(new Set(await bus.effects('mail')).size).toBe(300);
          else await bus.expectOnceInOrder('mail', 300);
          expect(await bus.effects('mail')).toHaveLength(300);
          const store = await bus.store('mail');
          await bus.until('every key is open', async () => (await store.reader.all('select 1 from ramet_retries')).length === 0);
          expect(await store.reader.all('select 1 from ramet_parked union all select 1 from ramet_halts')).toEqual([]);
          expect(await bus.deadLetters('mail')).toEqual([]);
        } catch (error) {
          throw new Error(`with seed ${seed}`, { cause: error });
        }
      }),
    );
}

/** A repeatable row of numbers in [0, 1) (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
