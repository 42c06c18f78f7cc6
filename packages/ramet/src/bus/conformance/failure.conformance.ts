import { expect } from 'vitest';
import { PermanentError, RametError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import { type Envelope, replayDeadLetter } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { FAST, flakyStore, type GroupOptions } from './fixture.conformance.ts';

const nOf = (envelope: Envelope): number => (envelope.data as { n: number }).n;

/** Cases about events that cannot be handled: tried again, set aside, given back. */
export function failureCases(it: Case, onBus: OnBus): void {
  it(
    'tries an event again with growing pauses; its key waits in order, and other keys continue',
    onBus(async (bus) => {
      const startsMono: number[] = [];
      const process = await bus.start('mail', {
        retry: { maxAttempts: 5, baseMs: 20, capMs: 1_000 },
        handle: ({ key, data }) => {
          if (key !== 'bad' || (data as { n: number }).n !== 1) return;
          startsMono.push(bus.platform.clock.monoNow());
          if (startsMono.length < 4) throw new Error('not yet');
        },
      });
      await bus.publish('orders', ['bad', 'good', 'bad', 'good', 'bad']);
      await bus.untilEffects('mail', 2);
      expect(await bus.effects('mail')).toEqual(['orders/good/1', 'orders/good/2']);
      await bus.untilEffects('mail', 5);
      await bus.expectOnceInOrder('mail', 5);
      const pausesMs = startsMono.slice(1).map((start, i) => start - (startsMono[i] as number));
      expect(pausesMs).toHaveLength(3);
      for (const [i, pauseMs] of pausesMs.entries()) expect(pauseMs).toBeGreaterThan(10 * 2 ** i - 2);
      expect(process.outcomes.filter(({ outcome }) => outcome === 'retrying')).toHaveLength(3);
      expect(await bus.deadLetters('mail')).toEqual([]);
    }),
  );

  it(
    'undoes what a failing handler wrote',
    onBus(async (bus) => {
      let failures = 0;
      await bus.start('mail', {
        handle: async (_, tx) => {
          await tx.run("insert into effects (seq, event_id, source, key, n) values (-1, 'half', 'half', 'half', 1)");
          if (failures++ < 2) throw new Error('after the first half');
          await tx.run('delete from effects where seq = -1');
        },
      });
      await bus.publish('orders', ['a']);
      await bus.untilEffects('mail', 1);
      expect([await bus.effects('mail'), failures]).toEqual([['orders/a/1'], 3]);
    }),
  );

  it(
    'makes an event a dead letter when its attempts are used up',
    onBus(async (bus) => {
      let starts = 0;
      const process = await bus.start('mail', {
        handle: () => {
          starts++;
          throw new TypeError('no such thing');
        },
      });
      const [id] = await bus.publish('orders', ['a']);
      await bus.until('a dead letter', async () => (await bus.deadLetters('mail')).length > 0);
      expect(starts).toBe(FAST.maxAttempts);
      expect(await bus.deadLetters('mail')).toMatchObject([
        { subscriber: 'mail', eventId: id, event: 'orders.changed', key: 'a', error: 'TypeError: no such thing', attempts: 3, parked: 0 },
      ]);
      expect(process.outcomes.map(({ outcome }) => outcome)).toEqual(['retrying', 'retrying', 'dead']);
    }),
  );

  it(
    'sets an event aside at once that cannot ever be handled, and lets its key wait',
    onBus(async (bus) => {
      const starts: string[] = [];
      await bus.start('mail', {
        handle: (envelope) => {
          starts.push(`${envelope.key}${nOf(envelope)}`);
          if (envelope.key === 'bad') throw new PermanentError('never');
        },
      });
      await bus.publish('orders', ['bad', 'good', 'bad', 'good', 'bad']);
      await bus.until('two events wait', async () => (await bus.deadLetters('mail'))[0]?.parked === 2);
      expect(starts.filter((start) => start.startsWith('bad'))).toEqual(['bad1']);
      expect(await bus.effects('mail')).toEqual(['orders/good/1', 'orders/good/2']);
      expect(await bus.deadLetters('mail')).toMatchObject([{ key: 'bad', reason: 'PermanentFailure', attempts: 1 }]);
    }),
  );

  it(
    'sets events of an unknown version or with malformed data aside, and handles the rest',
    onBus(async (bus) => {
      await bus.start('mail', {
        // As the host of a service does: the consumer knows versions and schemas, the bus does not.
        handle: (envelope) => {
          if (envelope.version > 1) throw new RametError('UnknownEvent', `version ${envelope.version}`);
          if (typeof (envelope.data as { n?: unknown } | null)?.n !== 'number') throw new RametError('UnknownEvent', 'no number');
        },
      });
      await bus.publish('orders', ['newer'], { version: 2 });
      await bus.publish('orders', ['malformed'], { data: { m: '1' } });
      await bus.publish('orders', ['empty'], { data: null });
      await bus.publish('orders', ['fine']);
      await bus.untilEffects('mail', 1);
      await bus.until('three dead letters', async () => (await bus.deadLetters('mail')).length === 3);
      expect(await bus.effects('mail')).toEqual(['orders/fine/1']);
      const letters = await bus.deadLetters('mail');
      expect(letters.map(({ key, reason, attempts }) => [key, reason, attempts]).sort()).toEqual([
        ['empty', 'UnknownEvent', 1],
        ['malformed', 'UnknownEvent', 1],
        ['newer', 'UnknownEvent', 1],
      ]);
    }),
  );

  it(
    'replays a dead letter and what waited behind it in order; new arrivals do not overtake',
    onBus(async (bus) => {
      let broken = true;
      const process = await bus.start('mail', {
        handle: async (envelope) => {
          if (envelope.key === 'bad' && nOf(envelope) === 2 && broken) throw new PermanentError('broken');
          await bus.platform.timers.yield();
        },
      });
      await bus.publish(
        'orders',
        Array.from({ length: 30 }, () => 'bad'),
      );
      await bus.until('28 events wait', async () => (await bus.deadLetters('mail'))[0]?.parked === 28);
      expect(await bus.effects('mail')).toEqual(['orders/bad/1']);
      broken = false;
      expect(await bus.settle(process, 'mail')).toBe(1);
      for (let i = 0; i < 10; i++) {
        await bus.publish('orders', ['bad', 'bad', 'other']);
        await bus.platform.timers.sleep(3);
      }
      await bus.untilEffects('mail', 60);
      await bus.expectOnceInOrder('mail', 60);
      // The key is open again: the next event runs at once, in its lane.
      await bus.publish('orders', ['bad']);
      await bus.untilEffects('mail', 61);
      await bus.expectOnceInOrder('mail', 61);
      expect(process.outcomes.at(-1)).toEqual({ outcome: 'handled', id: 'evt_orders_bad_51' });
    }),
  );

  it(
    'makes a dead letter again of one that was replayed in vain',
    onBus(async (bus) => {
      let starts = 0;
      const process = await bus.start('mail', {
        handle: (envelope) => {
          if (nOf(envelope) > 1) return;
          starts++;
          throw new Error('still broken');
        },
      });
      await bus.publish('orders', ['a', 'a']);
      await bus.until('a dead letter', async () => (await bus.deadLetters('mail'))[0]?.parked === 1);
      await bus.settle(process, 'mail');
      await bus.until('six starts', () => starts === 6);
      await bus.until('a dead letter again', async () => (await bus.deadLetters('mail'))[0]?.parked === 1);
      expect(await bus.effects('mail')).toEqual([]);
    }),
  );

  it(
    'continues without a dead letter that was discarded',
    onBus(async (bus) => {
      const process = await bus.start('mail', {
        handle: (envelope) => {
          if (nOf(envelope) % 2 === 1) throw new PermanentError('odd');
        },
      });
      await bus.publish('orders', ['a', 'a', 'a', 'a']);
      await bus.until('three wait', async () => (await bus.deadLetters('mail'))[0]?.parked === 3);
      await bus.settle(process, 'mail', 'discard');
      await bus.until('one waits behind the next', async () => (await bus.deadLetters('mail'))[0]?.parked === 1);
      await bus.settle(process, 'mail', 'discard');
      await bus.untilEffects('mail', 2);
      expect(await bus.effects('mail')).toEqual(['orders/a/2', 'orders/a/4']);
      expect(await bus.deadLetters('mail')).toEqual([]);
      await bus.rewind('mail');
    }),
  );

  it(
    'loses nothing when events of one key from two sources fail together',
    onBus(async (bus) => {
      let broken = true;
      const process = await bus.start('mail', {
        sources: ['orders', 'payments'],
        handle: (envelope) => {
          if (!broken) return;
          throw envelope.source === 'payments' ? new PermanentError('never') : new Error('not yet');
        },
        retry: { ...FAST, maxAttempts: 1_000 },
      });
      const shared = Array.from({ length: 10 }, (_, i) => `k${i}`);
      await Promise.all([bus.publish('orders', [...shared, ...shared]), bus.publish('payments', [...shared, ...shared])]);
      await bus.until('dead letters or retries of both', async () => process.outcomes.length > 30);
      broken = false;
      await bus.until('everything is handled', async () => {
        await bus.settle(process, 'mail');
        return (await bus.effects('mail')).length >= 40;
      });
      await bus.expectOnceInOrder('mail', 40);
    }),
  );

  for (const first of ['head', 'other'] as const)
    it(
      `keeps two dead letters of one key apart when the ${first === 'head' ? 'first' : 'second'} is replayed first`,
      onBus(async (bus) => {
        await Promise.all([bus.publish('orders', ['a', 'a']), bus.publish('payments', ['a', 'a'])]);
        let broken = true;
        const process = await bus.start(
          'mail',
          together(() => broken && new PermanentError('never')),
        );
        const store = await bus.store('mail');
        const waiting = (letters: number, parked: number) =>
          bus.until(`${letters} letters, and ${parked} events wait`, async () => {
            const found = await bus.deadLetters('mail');
            return found.length === letters && found.every((letter) => letter.parked === parked);
          });
        await waiting(2, 2);
        broken = false;
        const row = await store.reader.get<{ event_id: string }>('select event_id from ramet_retries');
        const letters = await bus.deadLetters('mail');
        const replay = async (which: typeof first) => {
          const letter = letters.find(({ eventId }) => (eventId === row?.event_id) === (which === 'head'));
          await replayDeadLetter(store, letter?.id as string);
          process.consumer.retries.wake();
        };
        await replay(first);
        // The key is not open: the other letter is still there, and nothing overtakes it.
        if (first === 'head') await bus.untilEffects('mail', 1);
        await waiting(1, first === 'head' ? 2 : 3);
        expect(await bus.effects('mail')).toHaveLength(first === 'head' ? 1 : 0);
        await replay(first === 'head' ? 'other' : 'head');
        await bus.untilEffects('mail', 4);
        await bus.expectOnceInOrder('mail', 4);
        await bus.until('the key is open', async () => (await store.reader.all('select key from ramet_retries')).length === 0);
        expect(await store.reader.all('select key from ramet_parked')).toEqual([]);
      }),
    );

  it(
    'tries two events of one key again that failed at the same time',
    onBus(async (bus) => {
      await Promise.all([bus.publish('orders', ['a', 'a']), bus.publish('payments', ['a', 'a'])]);
      let failures = 0;
      await bus.start(
        'mail',
        together(() => ++failures <= 2 && new Error('not yet')),
      );
      await bus.untilEffects('mail', 4);
      await bus.expectOnceInOrder('mail', 4);
    }),
  );

  it(
    'lets a key wait for a dead letter although another event of it succeeds later',
    onBus(async (bus) => {
      const failed = new Set<string>();
      const process = await bus.start(
        'mail',
        together(({ source }) => {
          if (failed.has(source)) return false;
          failed.add(source);
          return source === 'orders' ? new Error('not yet') : new PermanentError('never');
        }),
      );
      // The one that will succeed comes first: behind a dead letter it would wait.
      await bus.publish('orders', ['a', 'a']);
      await bus.until('it has failed', () => failed.has('orders'));
      await bus.publish('payments', ['a', 'a']);
      await bus.until('the other one is handled', async () => (await bus.effects('mail')).length === 1);
      await bus.until('the rest waits', async () => (await bus.deadLetters('mail'))[0]?.parked === 2);
      expect(await bus.effects('mail')).toEqual(['orders/a/1']);
      await bus.settle(process, 'mail');
      await bus.untilEffects('mail', 4);
      await bus.expectOnceInOrder('mail', 4);
    }),
  );

  for (const poison of ['park-key', 'skip', 'halt'] as const)
    it(
      `does not let go of an event that fails while that cannot be written down (${poison})`,
      onBus(async (bus) => {
        let full = true;
        let refused = 0;
        let starts = 0;
        const process = await bus.start('mail', {
          poison,
          store: flakyStore((name) => full && /aside|halts/.test(name) && ++refused > 0),
          handle: () => {
            starts++;
            if (full) throw new PermanentError('never');
          },
        });
        await bus.publish('orders', ['a']);
        await bus.until('it could not be written down twice', () => refused >= 2);
        expect([await bus.effects('mail'), await bus.deadLetters('mail')]).toEqual([[], []]);
        expect(starts).toBe(refused);
        expect(process.errors.every((error) => error instanceof RametError && error.code === 'StoreUnavailable')).toBe(true);
        full = false;
        await bus.untilEffects('mail', 1);
        await bus.expectOnceInOrder('mail', 1);
      }),
    );
}

/** A group of two sources, whose first failures are both there before either is written down. */
function together(errorOf: (envelope: Envelope) => Error | false): GroupOptions {
  let failed = 0;
  let go: (() => void) | undefined;
  const both = new Promise<void>((resolve) => {
    go = resolve;
  });
  return {
    sources: ['orders', 'payments'],
    handle: (envelope) => {
      const error = errorOf(envelope);
      if (!error) return;
      if (++failed === 2) go?.();
      throw error;
    },
    store: (store) => ({
      ...store,
      async write(work, options) {
        if (options?.name?.endsWith('aside')) await both;
        return store.write(work, options);
      },
    }),
  };
}
