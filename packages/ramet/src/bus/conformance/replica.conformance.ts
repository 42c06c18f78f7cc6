import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import type { Platform } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import type { Envelope } from '../index.ts';
import type { OnBus } from './delivery.conformance.ts';
import { type BusFixture, FAST } from './fixture.conformance.ts';

const SOURCES = ['orders', 'payments', 'shipping', 'stock'];
const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);
const publishAll = (bus: BusFixture, count: number) => Promise.all(SOURCES.map((source) => bus.publish(source, keys(count, 7))));
/** Until an adapter has shared again, and more. */
const SHARED_MS = 30_000;

/** Cases about several processes that share a group. */
export function replicaCases(it: Case, onBus: OnBus): void {
  it(
    'shares the events of a group among its members, and gives each group all of them',
    onBus(async (bus) => {
      const members = [await bus.start('mail', { sources: SOURCES }), await bus.start('mail', { sources: SOURCES })];
      await bus.start('search', { sources: SOURCES });
      let rounds = 0;
      // They have shared when both have had something.
      await bus.until(
        'both take part',
        async () => {
          rounds++;
          await publishAll(bus, 5);
          await bus.untilEffects('mail', rounds * 20, SHARED_MS);
          return members.every(({ outcomes }) => outcomes.some(({ outcome }) => outcome === 'handled'));
        },
        SHARED_MS,
      );
      await publishAll(bus, 100);
      await bus.untilEffects('mail', rounds * 20 + 400, SHARED_MS);
      await bus.untilEffects('search', rounds * 20 + 400, SHARED_MS);
      await bus.expectOnceInOrder('mail', rounds * 20 + 400);
      await bus.expectOnceInOrder('search', rounds * 20 + 400);
    }),
  );

  it(
    'gives the part of a member that leaves, and of one that dies, to those that are left',
    onBus(async (bus) => {
      const members = [];
      for (let i = 0; i < 3; i++) members.push(await bus.start('mail', { sources: SOURCES }));
      const publishing = publishAll(bus, 300);
      await bus.untilEffects('mail', 50, SHARED_MS);
      await members[0]?.stop();
      await bus.untilEffects('mail', 400, SHARED_MS);
      members[1]?.kill();
      await publishing;
      await bus.untilEffects('mail', 1_200, SHARED_MS);
      await bus.expectOnceInOrder('mail', 1_200);
    }),
  );

  it(
    'keeps every promise while members come, go and die',
    onBus(async (bus) => {
      const { random, timers } = bus.platform;
      const members = [await bus.start('mail', { sources: SOURCES })];
      for (let round = 0; round < 8; round++) {
        await publishAll(bus, 40);
        if (random.next() < 0.6) members.push(await bus.start('mail', { sources: SOURCES }));
        await timers.sleep(random.next() * 150);
        if (members.length > 1 && random.next() < 0.6) {
          const [gone] = members.splice(Math.floor(random.next() * members.length), 1);
          if (random.next() < 0.5) gone?.kill();
          else void gone?.stop();
        }
      }
      await bus.untilEffects('mail', 8 * 160, SHARED_MS);
      await bus.expectOnceInOrder('mail', 8 * 160);
    }),
  );

  it(
    'refuses what a member writes that was not heard of for too long: no second effect, and no step back',
    onBus(async (bus) => {
      const pause = pausable(bus.platform);
      let entered = 0;
      const handle = (_: Envelope) => void entered++;
      const zombie = await bus.start('mail', { store: pause.store, platform: pause.platform, handle, retry: FAST });
      await bus.publish('orders', keys(20, 4));
      await bus.untilEffects('mail', 20);
      // It stops between its read and its write, and the others continue without it.
      pause.stop();
      await bus.publish('orders', keys(20, 4));
      await bus.until('it has something under way', () => pause.waiting() > 0);
      await bus.expel('mail');
      const heir = await bus.start('mail');
      await bus.untilEffects('mail', 40, SHARED_MS);
      await bus.publish('orders', keys(20, 4));
      await bus.untilEffects('mail', 60, SHARED_MS);
      await heir.consumer.flush();
      const before = await checkpoints(bus);
      const enteredBefore = entered;
      pause.go();
      await bus.platform.timers.sleep(300);
      expect(zombie.outcomes.filter(({ outcome }) => outcome === 'handled')).toHaveLength(20);
      expect(entered).toBe(enteredBefore);
      for (const [source, checkpoint] of await checkpoints(bus)) expect(checkpoint).toBeGreaterThanOrEqual(before.get(source) ?? 0);
      // After that it is a member like any other.
      await bus.publish('orders', keys(20, 4));
      await bus.untilEffects('mail', 80, SHARED_MS);
      await bus.expectOnceInOrder('mail', 80);
    }),
  );
}

async function checkpoints(bus: BusFixture): Promise<Map<string, number>> {
  const store = await bus.store('mail');
  const rows = await store.reader.all<{ source: string; checkpoint: number }>('select source, checkpoint from ramet_claims');
  return new Map(rows.map(({ source, checkpoint }) => [source, Number(checkpoint)]));
}

/** A process that can be paused: its timers do not ring, and its statements do not leave, until it continues. */
function pausable(platform: Platform) {
  let gate: Promise<void> | undefined;
  let open = (): void => {};
  let waiting = 0;
  const whenOpen = async <R>(work: () => Promise<R>): Promise<R> => {
    if (gate) {
      waiting++;
      await gate;
    }
    return work();
  };
  return {
    waiting: () => waiting,
    stop() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    go() {
      gate = undefined;
      open();
    },
    store: (store: Store): Store => ({
      ...store,
      write: (work, options) => whenOpen(() => store.write(work, options)),
    }),
    platform: {
      ...platform,
      timers: {
        set: (delayMs, fire) => platform.timers.set(delayMs, () => void whenOpen(async () => fire())),
        sleep: (delayMs, signal) => platform.timers.sleep(delayMs, signal).then(() => whenOpen(async () => {})),
        yield: () => platform.timers.yield(),
      },
    } satisfies Platform,
  };
}
