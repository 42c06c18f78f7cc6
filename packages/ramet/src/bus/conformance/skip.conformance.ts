import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import { type BusCapabilities, type Envelope, replayDeadLetter } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { FAST, type Process } from './fixture.conformance.ts';

const nOf = (envelope: Envelope): number => (envelope.data as { n: number }).n;

/** Cases about subscriptions in which nothing waits for an event that fails. */
export function skipCases(it: Case, onBus: OnBus, { shape }: BusCapabilities): void {
  it(
    'holds no event back while another of its key is tried again (skip)',
    onBus(async (bus) => {
      let failures = 0;
      let broken = true;
      const process = await bus.start('mail', {
        poison: 'skip',
        retry: { maxAttempts: 1_000, baseMs: 4, capMs: 16 },
        handle: (envelope) => {
          if (nOf(envelope) === 1 && broken && ++failures) throw new Error('not yet');
        },
      });
      await bus.publish('orders', ['a', 'a', 'a']);
      await bus.untilEffects('mail', 2);
      await bus.publish('orders', ['a']);
      await bus.untilEffects('mail', 3);
      expect((await bus.effects('mail')).toSorted()).toEqual(['orders/a/2', 'orders/a/3', 'orders/a/4']);
      await bus.until('it was tried again', () => failures > 2);
      broken = false;
      await bus.untilEffects('mail', 4);
      expect((await bus.effects('mail')).at(-1)).toBe('orders/a/1');
      expect(process.outcomes.map(({ outcome }) => outcome)).not.toContain('parked');
      const store = await bus.store('mail');
      await bus.until('no row is left', async () => (await store.reader.all('select 1 from ramet_retries')).length === 0);
    }),
  );

  it(
    'continues behind a dead letter, of its key as well, and replays or discards each alone (skip)',
    onBus(async (bus) => {
      let broken = true;
      const process = await bus.start('mail', {
        poison: 'skip',
        handle: (envelope) => {
          if (nOf(envelope) > 3 || !broken) return;
          throw nOf(envelope) === 1 ? new PermanentError('never') : new Error('not yet');
        },
      });
      await bus.publish('orders', ['a', 'a', 'a', 'a']);
      await bus.until('three dead letters', async () => (await bus.deadLetters('mail')).length === 3);
      expect(await bus.effects('mail')).toEqual(['orders/a/4']);
      const letters = await bus.deadLetters('mail');
      expect(letters.every(({ policy, parked }) => policy === 'skip' && parked === 0)).toBe(true);
      expect(letters.map(({ eventId, attempts }) => [eventId, attempts]).toSorted()).toEqual([
        ['evt_orders_a_1', 1],
        ['evt_orders_a_2', FAST.maxAttempts],
        ['evt_orders_a_3', FAST.maxAttempts],
      ]);
      const store = await bus.store('mail');
      const idOf = (eventId: string) => letters.find((letter) => letter.eventId === eventId)?.id as string;
      // In vain: it is a letter again, as before.
      await replayDeadLetter(store, idOf('evt_orders_a_3'));
      process.consumer.retries.wake();
      await bus.until('it is given up again', () => process.outcomes.filter(({ outcome }) => outcome === 'dead').length === 4);
      expect((await bus.deadLetters('mail')).map(({ policy }) => policy)).toEqual(['skip', 'skip', 'skip']);
      expect(await store.reader.all('select 1 from ramet_retries')).toEqual([]);
      broken = false;
      await replayDeadLetter(store, idOf('evt_orders_a_2'));
      await replayDeadLetter(store, idOf('evt_orders_a_1'), 'discard');
      process.consumer.retries.wake();
      await bus.untilEffects('mail', 2);
      expect(await bus.effects('mail')).toEqual(['orders/a/4', 'orders/a/2']);
      expect((await bus.deadLetters('mail')).map(({ eventId }) => eventId)).toEqual(['evt_orders_a_3']);
      await bus.publish('orders', ['a']);
      await bus.untilEffects('mail', 3);
      expect(await store.reader.all('select 1 from ramet_retries union all select 1 from ramet_parked')).toEqual([]);
    }),
  );

  it(
    'sets an event aside that ends the process, and holds none of its key back (skip)',
    onBus(async (bus) => {
      let starts = 0;
      let ended = true;
      const handle = async (envelope: Envelope, _: unknown, process: Process) => {
        if (envelope.key !== 'poison' || nOf(envelope) !== 1) return;
        starts++;
        ended = true;
        process.kill();
        throw new Error('the process has ended');
      };
      await bus.publish('orders', ['a', 'poison', 'poison', 'b']);
      await bus.until('a dead letter', async () => {
        if (ended) {
          ended = false;
          await bus.start('mail', { handle, poison: 'skip' });
        }
        return (await bus.deadLetters('mail')).length > 0;
      });
      await bus.untilEffects('mail', 3);
      expect(starts).toBe(FAST.maxAttempts);
      expect((await bus.effects('mail')).toSorted()).toEqual(['orders/a/1', 'orders/b/1', 'orders/poison/2']);
    }),
  );

  it(
    'keeps two subscriptions of one service apart: each has every event once, and failures of its own',
    onBus(async (bus) => {
      const seen: string[] = [];
      const note = (name: string) => (envelope: Envelope) => {
        if (name === 'shop.history' && envelope.key === 'bad') throw new PermanentError('never');
        seen.push(`${name} ${envelope.key}`);
      };
      const first = await bus.start('shop', { handle: note('shop') });
      const other = await bus.start('shop.history', { home: 'shop', handle: note('shop.history') });
      await bus.publish('orders', ['a', 'bad', 'a', 'bad']);
      await bus.untilEffects('shop', 6);
      await bus.until('the rest waits', async () => (await bus.deadLetters('shop'))[0]?.parked === 1);
      // A handler may run more than once, where several events share a transaction that one of them ends.
      expect(new Set(seen)).toEqual(new Set(['shop a', 'shop bad', 'shop.history a']));
      expect((await bus.effects('shop')).toSorted()).toEqual(
        ['a/1', 'a/1', 'a/2', 'a/2', 'bad/1', 'bad/2'].map((effect) => `orders/${effect}`),
      );
      expect(await bus.deadLetters('shop')).toMatchObject([{ subscriber: 'shop.history', key: 'bad', policy: 'park-key' }]);
      await Promise.all([first.stop(), other.stop()]);
      if (shape === 'queue') return;
      const store = await bus.store('shop');
      const claims = await store.reader.all<{ subscriber: string; checkpoint: number }>('select * from ramet_claims order by subscriber');
      expect(claims.map(({ subscriber }) => subscriber)).toEqual(['shop', 'shop.history']);
      // A broker may have some of them twice.
      expect(claims.every(({ checkpoint }) => Number(checkpoint) >= 4)).toBe(true);
    }),
  );
}
