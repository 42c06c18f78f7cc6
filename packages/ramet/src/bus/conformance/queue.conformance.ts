import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import { replayDeadLetter } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { type BusFixture, FAST, flakyStore, type Process } from './fixture.conformance.ts';

const DAY_MS = 86_400_000;
const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);
/** More messages than a consumer has unacknowledged. */
const MANY = 150;

/** Cases about messages that are acknowledged one by one. */
export function queueCases(it: Case, onBus: OnBus): void {
  it(
    'acknowledges a message after its effect is committed, and not before',
    onBus(async (bus) => {
      const gate = Promise.withResolvers<void>();
      let entered = 0;
      const process = await bus.start('mail', {
        store: (store) => ({
          ...store,
          async write(work, options) {
            if (!options?.name?.includes(' on ')) return store.write(work, options);
            entered++;
            await gate.promise;
            return store.write(work, options);
          },
        }),
      });
      await bus.publish('orders', ['a', 'b', 'c']);
      await bus.until('all are under way', () => entered === 3);
      expect(await process.lag()).toBe(3);
      gate.resolve();
      await bus.untilEffects('mail', 3);
      await bus.until('none is left', async () => (await process.lag()) === 0);
    }),
  );

  it(
    'takes effect once when the process ends between the commit and the acknowledgement',
    onBus(async (bus) => {
      let handled = 0;
      const first = await bus.start('mail', {
        handle: (_, tx, process) => {
          if (++handled === 5) tx.afterCommit(() => process.kill());
        },
      });
      await bus.publish('orders', keys(20, 4));
      await bus.until('the process ended', () => handled >= 5);
      const second = await bus.start('mail');
      await bus.untilEffects('mail', 20);
      await bus.until('the rest arrived', async () => (await second.lag()) === 0);
      await bus.expectOnceInOrder('mail', 20);
      expect(second.outcomes.some(({ outcome }) => outcome === 'duplicate')).toBe(true);
      expect(first.outcomes.length).toBeLessThan(20);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

  it(
    'handles messages of one key one after another in a process, whatever order the queue keeps',
    onBus(async (bus) => {
      const running = new Set<string>();
      let overlapped = 0;
      await bus.start('mail', {
        handle: async ({ key }) => {
          if (running.has(key)) overlapped++;
          running.add(key);
          await bus.platform.timers.sleep(2);
          running.delete(key);
        },
      });
      await bus.publish('orders', keys(60, 5));
      await bus.untilEffects('mail', 60);
      expect(overlapped).toBe(0);
      await bus.expectOnceInOrder('mail', 60);
    }),
  );

  it(
    'buries an event that ends the process again and again, and accuses none of those beside it',
    onBus(async (bus) => {
      let starts = 0;
      let process: Process | undefined;
      const handle = async ({ key }: { key: string }, _: unknown, self: Process) => {
        if (key !== 'poison') return bus.platform.timers.sleep(1);
        starts++;
        await bus.platform.timers.sleep(5);
        self.kill();
        process = undefined;
      };
      await bus.introduce('mail');
      await bus.publish('orders', [...keys(20, 20), 'poison', ...keys(20, 20)]);
      await bus.until(
        'a dead letter',
        async () => {
          process ??= await bus.start('mail', { handle });
          return (await bus.deadLetters('mail')).length > 0;
        },
        30_000,
      );
      if (!process) await bus.start('mail', { handle });
      await bus.untilEffects('mail', 40);
      expect(starts).toBe(FAST.maxAttempts);
      expect(await bus.deadLetters('mail')).toMatchObject([{ key: 'poison', attempts: FAST.maxAttempts }]);
      await bus.until('no start is remembered', async () => (await redelivered(bus, 'mail')).length === 0);
    }),
  );

  it(
    'counts no start of a message that went back unstarted, nor while the store of the group is unavailable',
    onBus(async (bus) => {
      const retry = { ...FAST, maxAttempts: 1 };
      await bus.introduce('mail');
      await bus.publish('orders', keys(30, 1));
      let refused = 0;
      const slow = await bus.start('mail', {
        retry,
        handle: () => bus.platform.timers.sleep(30),
        store: flakyStore((name) => name.includes(' on ') && ++refused <= 3),
      });
      await bus.untilEffects('mail', 2);
      await slow.stop();
      const done = (await bus.effects('mail')).length;
      expect(done).toBeLessThan(30);
      expect((await redelivered(bus, 'mail')).every(({ starts }) => Number(starts) === 0)).toBe(true);
      await bus.start('mail', { retry });
      await bus.untilEffects('mail', 30);
      await bus.expectOnceInOrder('mail', 30);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

  it(
    'does not suspect an event of ending the process because the store is unavailable after a crash',
    onBus(async (bus) => {
      const first = await bus.start('mail', { handle: (_, __, process) => process.kill() });
      await bus.publish('orders', ['a', 'b']);
      await bus.until('the process ended', () => first.killed());
      let refusals = 0;
      const second = await bus.start('mail', { store: flakyStore((name) => name.includes(' on ') && refusals++ < 2 * FAST.maxAttempts) });
      await bus.untilEffects('mail', 2);
      await bus.expectOnceInOrder('mail', 2);
      expect(second.outcomes.map(({ outcome }) => outcome)).toEqual(['handled', 'handled']);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

  it(
    'gives each message to one of several processes, and an effect once to one that two of them have at once',
    onBus(async (bus) => {
      const members = [await bus.start('mail'), await bus.start('mail')];
      await bus.publish('orders', keys(MANY, 30));
      await bus.untilEffects('mail', MANY);
      for (const member of members) await member.stop();
      await bus.rewind('mail');
      const again = [await bus.start('mail'), await bus.start('mail')];
      await bus.until('all came again', () => again.reduce((sum, { outcomes }) => sum + outcomes.length, 0) >= MANY);
      expect(again.flatMap(({ outcomes }) => outcomes).every(({ outcome }) => outcome === 'duplicate')).toBe(true);
      await bus.expectOnceInOrder('mail', MANY);
    }),
  );

  it(
    'gives no effect to an event that is older than the inbox remembers; it becomes a dead letter that may be replayed',
    onBus(async (bus) => {
      const store = await bus.store('mail');
      await store.write((tx) => tx.run("insert into ramet_marks (name, at) values ('inbox', ramet_now() - ?)", 14 * DAY_MS));
      const process = await bus.start('mail');
      await bus.publish('orders', ['old'], { timestamp: new Date(bus.platform.clock.wallNow() - 20 * DAY_MS).toISOString() });
      await bus.publish('orders', ['new'], { timestamp: new Date(bus.platform.clock.wallNow()).toISOString() });
      await bus.untilEffects('mail', 1);
      await bus.until('a dead letter', async () => (await bus.deadLetters('mail')).length === 1);
      expect(await bus.deadLetters('mail')).toMatchObject([{ reason: 'DEDUP_HORIZON', key: 'old' }]);
      await bus.settle(process, 'mail');
      await bus.untilEffects('mail', 2);
    }),
  );

  for (const how of ['replay', 'discard'] as const)
    it(
      `halts the whole group at an event that it cannot handle, over a restart too, until an operator decides: ${how} (halt)`,
      onBus(async (bus) => {
        let broken = true;
        let starts = 0;
        const alerts: string[] = [];
        const options = {
          poison: 'halt',
          handle: ({ key }: { key: string }) => {
            if (key !== 'bad') return;
            starts++;
            if (broken) throw new Error('unbalanced');
          },
          onHalt: async (_: unknown, { id }: { id: string }) => void alerts.push(id),
        } as const;
        const first = await bus.start('ledger', options);
        await bus.publish('orders', ['bad']);
        await bus.until('a dead letter', async () => (await bus.deadLetters('ledger')).length === 1);
        await bus.publish('orders', keys(MANY, 10));
        await bus.platform.timers.sleep(50);
        await first.stop();
        const second = await bus.start('ledger', options);
        await bus.platform.timers.sleep(100);
        expect([starts, alerts, await bus.effects('ledger')]).toEqual([FAST.maxAttempts, ['evt_orders_bad_1'], []]);
        expect(await second.consumer.standstills()).toMatchObject([{ eventId: 'evt_orders_bad_1', error: 'Error: unbalanced' }]);
        broken = false;
        const [letter] = await bus.deadLetters('ledger');
        await replayDeadLetter(await bus.store('ledger'), letter?.id as string, how);
        await bus.untilEffects('ledger', how === 'replay' ? MANY + 1 : MANY, 30_000);
        await bus.until('none is left', async () => (await second.lag()) === 0);
        expect(starts).toBe(FAST.maxAttempts + (how === 'replay' ? 1 : 0));
        expect(await second.consumer.standstills()).toEqual([]);
        expect(await bus.deadLetters('ledger')).toEqual([]);
        expect([...first.errors, ...second.errors]).toEqual([]);
      }),
    );

  it(
    'halts at one event although two fail together, and reaches the other one when the first is handled (halt)',
    onBus(async (bus) => {
      let broken = true;
      const options = {
        poison: 'halt',
        handle: ({ key }: { key: string }) => {
          if (broken && key.startsWith('bad')) throw new PermanentError('never');
        },
      } as const;
      const members = [await bus.start('ledger', options), await bus.start('ledger', options)];
      await bus.publish('orders', ['bad1', 'bad2', 'good']);
      await bus.until('it is halted', async () => (await bus.deadLetters('ledger')).length > 0);
      await bus.platform.timers.sleep(50);
      expect(await bus.deadLetters('ledger')).toHaveLength(1);
      broken = false;
      await bus.settle(members[0] as Process, 'ledger');
      await bus.untilEffects('ledger', 3, 30_000);
      expect((await bus.effects('ledger')).toSorted()).toEqual(['orders/bad1/1', 'orders/bad2/1', 'orders/good/1']);
    }),
  );
}

async function redelivered(bus: BusFixture, group: string): Promise<{ starts: number }[]> {
  return (await bus.store(group)).reader.all<{ starts: number }>('select starts from ramet_redelivered');
}
