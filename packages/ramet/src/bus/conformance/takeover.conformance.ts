import { expect } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import type { Case } from '../../platform/cases.conformance.ts';
import type { Store } from '../../store/index.ts';
import { resume } from '../consumer/halts.ts';
import { takeOver } from '../consumer/inbox.ts';
import type { Envelope } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';

const KEYS = ['a', 'bad', 'b', 'c'];

/** What a process writes that was killed while the commit of an event's effect was under way, or that was thought dead. */
const handleElsewhere = (store: Store, { pos, envelope }: { pos: number; envelope: Envelope }): Promise<void> =>
  store.write(async (tx) => {
    if (await takeOver(tx, 'ledger', envelope)) await resume(tx, 'ledger', { log: 'orders' }, { pos, envelope });
  });

/** A handler that fails at the event with the key 'bad', and keeps it. */
function failingAtBad(error: Error): { bad: Envelope | undefined; handle: (envelope: Envelope) => void } {
  const failing = {
    bad: undefined as Envelope | undefined,
    handle(envelope: Envelope) {
      if (envelope.key !== 'bad') return;
      failing.bad = envelope;
      throw error;
    },
  };
  return failing;
}

/** Cases about two processes that are at one event: one that was thought dead, and its successor. */
export function takeoverCases(it: Case, onBus: OnBus): void {
  for (const [kind, error] of [
    ['for a time', new Error('not now')],
    ['for good', new PermanentError('never')],
  ] as const)
    it(
      `does not halt at an event that another process has handled while its own attempt failed ${kind} (halt)`,
      onBus(async (bus) => {
        const failing = failingAtBad(error);
        const told: string[] = [];
        const process = await bus.start('ledger', {
          poison: 'halt',
          handle: failing.handle,
          onHalt: async (_, { id }) => void told.push(id),
          store: (store) => ({
            ...store,
            async write(work, options) {
              if (failing.bad && options?.name?.includes(' halts at ')) await handleElsewhere(store, { pos: 2, envelope: failing.bad });
              return store.write(work, options);
            },
          }),
        });
        await bus.publish('orders', KEYS);
        await bus.untilEffects('ledger', 3);
        const store = await bus.store('ledger');
        expect(await store.reader.all('select 1 from ramet_halts union all select 1 from ramet_dead_letters')).toEqual([]);
        expect((await bus.effects('ledger')).toSorted()).toEqual(['orders/a/1', 'orders/b/1', 'orders/c/1']);
        expect([told, process.outcomes.map(({ outcome }) => outcome).toSorted()]).toEqual([
          [],
          ['duplicate', 'handled', 'handled', 'handled'],
        ]);
      }),
    );

  it(
    'does not stay halted at an event that another process handles while the halt is being written (halt)',
    onBus(async (bus) => {
      const failing = failingAtBad(new Error('not now'));
      let elsewhere: Promise<void> | undefined;
      const process = await bus.start('ledger', {
        poison: 'halt',
        // Its own next look is long after this case.
        retry: { maxAttempts: 3, baseMs: 60_000, capMs: 60_000 },
        handle: failing.handle,
        store: (store) => ({
          ...store,
          write: (work, options) =>
            store.write(async (tx) => {
              const value = await work(tx);
              if (failing.bad && options?.name?.includes(' halts at ')) {
                elsewhere = handleElsewhere(store, { pos: 2, envelope: failing.bad });
                // Where transactions run beside each other, it comes as far as it can.
                await bus.platform.timers.sleep(30);
              }
              return value;
            }, options),
        }),
      });
      await bus.publish('orders', KEYS);
      await bus.until('both are at it', () => process.outcomes.some(({ outcome }) => outcome === 'retrying'));
      await elsewhere;
      const store = await bus.store('ledger');
      expect(await store.reader.all('select 1 from ramet_halts')).toEqual([]);
      await bus.untilEffects('ledger', 3);
      expect((await bus.effects('ledger')).toSorted()).toEqual(['orders/a/1', 'orders/b/1', 'orders/c/1']);
    }),
  );

  it(
    'removes a halt when its event turns out to be handled (halt)',
    onBus(async (bus) => {
      const failing = failingAtBad(new Error('not now'));
      const process = await bus.start('ledger', {
        poison: 'halt',
        handle: failing.handle,
        store: (store) => ({
          ...store,
          async write(work, options) {
            // As a process of an earlier version left it: handled, and the halt is there.
            if (failing.bad && options?.name === 'ledger retry') await store.write((tx) => takeOver(tx, 'ledger', failing.bad as Envelope));
            return store.write(work, options);
          },
        }),
      });
      await bus.publish('orders', KEYS);
      await bus.untilEffects('ledger', 3);
      const store = await bus.store('ledger');
      expect(await store.reader.all('select 1 from ramet_halts')).toEqual([]);
      expect(process.outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['duplicate', 'handled', 'handled', 'handled', 'retrying']);
    }),
  );
}
