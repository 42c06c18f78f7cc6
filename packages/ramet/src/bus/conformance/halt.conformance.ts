import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import { type Envelope, replayDeadLetter } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { type BusFixture, FAST, flakyStore, type Process } from './fixture.conformance.ts';

const KEYS = ['a', 'b', 'bad', 'a', 'b', 'bad', 'c'];
const BEFORE = ['orders/a/1', 'orders/b/1'];
const BEHIND = ['orders/a/2', 'orders/b/2', 'orders/bad/2', 'orders/c/1'];
const isPoison = ({ key, data }: Envelope): boolean => key === 'bad' && (data as { n: number }).n === 1;

async function standing(bus: BusFixture): Promise<void> {
  await bus.until('a dead letter', async () => (await bus.deadLetters('ledger')).length === 1);
  // Long enough for what must not come.
  await bus.platform.timers.sleep(30);
}

/** Cases about subscriptions that halt at an event that fails. */
export function haltCases(it: Case, onBus: OnBus): void {
  it(
    'tries an event again before anything behind it is handled (halt)',
    onBus(async (bus) => {
      let failures = 0;
      const process = await bus.start('ledger', {
        poison: 'halt',
        handle: (envelope) => {
          if (isPoison(envelope) && ++failures < FAST.maxAttempts) throw new Error('not yet');
        },
      });
      await bus.publish('orders', KEYS);
      await bus.untilEffects('ledger', 7);
      expect(await bus.effects('ledger')).toEqual([...BEFORE, 'orders/bad/1', ...BEHIND]);
      expect(process.outcomes.filter(({ outcome }) => outcome !== 'handled').map(({ outcome }) => outcome)).toEqual([
        'retrying',
        'retrying',
      ]);
      const store = await bus.store('ledger');
      expect(await store.reader.all('select 1 from ramet_halts')).toEqual([]);
      expect(process.errors).toEqual([]);
    }),
  );

  for (const how of ['replay', 'discard'] as const)
    it(
      `halts at an event that it cannot handle, over a restart too, until an operator decides: ${how} (halt)`,
      onBus(async (bus) => {
        let broken = true;
        let starts = 0;
        const told: string[] = [];
        const options = {
          poison: 'halt',
          sources: ['orders', 'payments'],
          handle: (envelope: Envelope) => {
            if (!isPoison(envelope) || envelope.source !== 'orders') return;
            starts++;
            if (broken) throw new Error('unbalanced');
          },
          onHalt: async (_: unknown, { id }: Envelope) => void told.push(id),
        } as const;
        const first = await bus.start('ledger', options);
        await bus.publish('orders', KEYS);
        await standing(bus);
        expect(await bus.effects('ledger')).toEqual(BEFORE);
        expect(first.outcomes.map(({ outcome }) => outcome)).toEqual(['handled', 'handled', 'retrying', 'retrying', 'halted']);
        // Other partitions continue.
        await bus.publish('payments', ['bad']);
        await bus.untilEffects('ledger', 3);
        await first.stop();

        const second = await bus.start('ledger', options);
        await bus.publish('orders', ['d']);
        await standing(bus);
        expect(await bus.effects('ledger')).toEqual([...BEFORE, 'payments/bad/1']);
        expect(await second.consumer.standstills()).toMatchObject([
          { log: expect.stringContaining('orders'), eventId: 'evt_orders_bad_1', error: 'Error: unbalanced' },
        ]);
        expect([starts, told]).toEqual([FAST.maxAttempts, ['evt_orders_bad_1']]);
        expect(await bus.deadLetters('ledger')).toMatchObject([{ policy: 'halt', key: 'bad', attempts: FAST.maxAttempts }]);

        broken = false;
        await bus.settle(second, 'ledger', how);
        await bus.untilEffects('ledger', how === 'replay' ? 9 : 8);
        expect(await bus.effects('ledger')).toEqual([
          ...BEFORE,
          'payments/bad/1',
          ...(how === 'replay' ? ['orders/bad/1'] : []),
          ...BEHIND,
          'orders/d/1',
        ]);
        expect(await second.consumer.standstills()).toEqual([]);
        expect(starts).toBe(FAST.maxAttempts + (how === 'replay' ? 1 : 0));
        expect([...first.errors, ...second.errors]).toEqual([]);
      }),
    );

  it(
    'halts again, and alerts again, when an event was replayed in vain (halt)',
    onBus(async (bus) => {
      const told: string[] = [];
      const process = await bus.start('ledger', {
        poison: 'halt',
        handle: (envelope) => {
          if (isPoison(envelope)) throw new PermanentError('never');
        },
        onHalt: async (_, { id }) => void told.push(id),
      });
      await bus.publish('orders', KEYS);
      await standing(bus);
      await bus.settle(process, 'ledger');
      await bus.until('it halted again', () => told.length === 2);
      await standing(bus);
      expect(await bus.effects('ledger')).toEqual(BEFORE);
    }),
  );

  it(
    'halts at an event that ends the process, without running it once more than allowed (halt)',
    onBus(async (bus) => {
      let starts = 0;
      let ended = true;
      const handle = async (envelope: Envelope, _: unknown, process: Process) => {
        if (!isPoison(envelope)) return;
        starts++;
        ended = true;
        process.kill();
        throw new Error('the process has ended');
      };
      await bus.publish('orders', KEYS);
      await bus.until('a dead letter', async () => {
        if (ended) {
          ended = false;
          await bus.start('ledger', { handle, poison: 'halt' });
        }
        return (await bus.deadLetters('ledger')).length > 0;
      });
      await standing(bus);
      expect([starts, await bus.effects('ledger')]).toEqual([FAST.maxAttempts, BEFORE]);
    }),
  );

  it(
    'counts the attempts that ended the process after an error (halt)',
    onBus(async (bus) => {
      let starts = 0;
      let ended = true;
      const handle = async (envelope: Envelope, _: unknown, process: Process) => {
        if (!isPoison(envelope)) return;
        if (++starts === 1) throw new Error('the first time only an error');
        ended = true;
        process.kill();
        throw new Error('the process has ended');
      };
      await bus.publish('orders', KEYS);
      await bus.until('a dead letter', async () => {
        if (ended) {
          ended = false;
          await bus.start('ledger', { handle, poison: 'halt' });
        }
        return (await bus.deadLetters('ledger')).length > 0;
      });
      expect([starts, await bus.effects('ledger')]).toEqual([FAST.maxAttempts, BEFORE]);
    }),
  );

  it(
    'does not spend attempts on a store that is unavailable (halt)',
    onBus(async (bus) => {
      let failures = 0;
      let away = false;
      await bus.start('ledger', {
        poison: 'halt',
        retry: { ...FAST, maxAttempts: 2 },
        store: flakyStore((name) => away && name.includes(' on ')),
        handle: (envelope) => {
          if (!isPoison(envelope) || failures++ > 0) return;
          away = true;
          throw new Error('once');
        },
      });
      await bus.publish('orders', KEYS);
      await bus.until('the first attempt failed', () => away);
      await bus.platform.timers.sleep(400);
      away = false;
      await bus.untilEffects('ledger', 7);
      expect(await bus.deadLetters('ledger')).toEqual([]);
    }),
  );

  it(
    'lets a dead letter of another policy be replayed when the policy has changed',
    onBus(async (bus) => {
      let broken = true;
      const handle = (envelope: Envelope) => {
        if (isPoison(envelope) && broken) throw new PermanentError('never');
      };
      const first = await bus.start('ledger', { poison: 'halt', handle });
      await bus.publish('orders', KEYS);
      await standing(bus);
      await first.stop();
      const second = await bus.start('ledger', { handle });
      await bus.until('the rest waits', async () => (await bus.deadLetters('ledger'))[0]?.parked === 1);
      expect(await bus.deadLetters('ledger')).toMatchObject([{ policy: 'park-key', eventId: 'evt_orders_bad_1' }]);
      broken = false;
      const [letter] = await bus.deadLetters('ledger');
      await replayDeadLetter(await bus.store('ledger'), letter?.id as string);
      second.consumer.retries.wake();
      await bus.untilEffects('ledger', 7);
      await bus.expectOnceInOrder('ledger', 7);
    }),
  );
}
