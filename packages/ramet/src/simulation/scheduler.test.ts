import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Livelock, running, Scheduler } from './scheduler.ts';

const drained = () => new Promise<void>((resolve) => setImmediate(resolve));
const runAll = async (scheduler: Scheduler) => {
  while (await scheduler.step());
};
const owner = (name: string) => ({ name, alive: true, pausedUntil: 0 });

test('events happen in the order of their times, and time jumps to each', async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(delays, async (all) => {
      const scheduler = new Scheduler('seed', async () => {});
      const seen: number[] = [];
      for (const delay of all) scheduler.after(delay, undefined, 'event', () => seen.push(scheduler.now));
      await runAll(scheduler);
      expect(seen).toEqual([...all].sort((a, b) => a - b));
    }),
  );
});

test('the seed decides the order within one moment', async () => {
  const orderOf = async (seed: string) => {
    const scheduler = new Scheduler(seed, async () => {});
    let order = '';
    for (const name of 'abcdefgh') scheduler.after(5, undefined, name, () => (order += name));
    await runAll(scheduler);
    return order;
  };
  const orders = await Promise.all(Array.from({ length: 20 }, (_, n) => orderOf(`${n}`)));
  expect(new Set(orders).size).toBe(20);
  expect(await Promise.all(Array.from({ length: 20 }, (_, n) => orderOf(`${n}`)))).toEqual(orders);
});

test('between two events every promise settles', async () => {
  const scheduler = new Scheduler('seed', drained);
  const seen: string[] = [];
  scheduler.after(1, undefined, 'first', () => {
    void (async () => {
      for (let i = 0; i < 100; i++) await undefined;
      await new Promise<void>((resolve) => process.nextTick(resolve));
      seen.push('what the first began');
    })();
  });
  scheduler.after(1.5, undefined, 'second', () => seen.push('second'));
  await runAll(scheduler);
  expect(seen).toEqual(['what the first began', 'second']);
});

test('a cancelled event does not happen, and leaves no trace', async () => {
  const scheduler = new Scheduler('seed', drained);
  scheduler.after(1, undefined, 'cancelled', () => expect.unreachable()).cancel();
  expect(await scheduler.step()).toBe(false);
  expect([scheduler.now, scheduler.events, scheduler.trace]).toEqual([0, 0, []]);
});

test('nothing of an owner that is dead happens', async () => {
  const scheduler = new Scheduler('seed', drained);
  const mortal = owner('mortal');
  const seen: string[] = [];
  scheduler.after(1, undefined, 'the end', () => {
    mortal.alive = false;
  });
  for (const at of [0.5, 1.5]) scheduler.after(at, mortal, 'work', () => seen.push(`${at}`));
  await runAll(scheduler);
  expect(seen).toEqual(['0.5']);
});

test('what a paused owner would have done happens when it wakes up, and not to others', async () => {
  const scheduler = new Scheduler('seed', drained);
  const sleeper = { ...owner('sleeper'), pausedUntil: 100 };
  const seen: string[] = [];
  scheduler.after(10, sleeper, 'work', () => seen.push(`sleeper ${scheduler.now}`));
  scheduler.after(20, owner('other'), 'work', () => seen.push(`other ${scheduler.now}`));
  scheduler.after(110, sleeper, 'later', () => seen.push(`sleeper ${scheduler.now}`));
  await runAll(scheduler);
  expect(seen).toEqual(['other 20', 'sleeper 100', 'sleeper 110']);
});

test('what an event does belongs to its owner, across awaits', async () => {
  const scheduler = new Scheduler('seed', drained);
  const seen: (string | undefined)[] = [];
  for (const name of ['a', 'b'])
    scheduler.after(name === 'a' ? 1 : 2, owner(name), 'work', () => {
      void Promise.resolve().then(() => seen.push(running.getStore()?.name));
    });
  scheduler.after(3, undefined, 'without an owner', () => seen.push(running.getStore()?.name));
  await runAll(scheduler);
  expect(seen).toEqual(['a', 'b', undefined]);
});

test('a circle of events at one moment is a livelock, and is named', async () => {
  const scheduler = new Scheduler('seed', async () => {});
  const spin = (): void => void scheduler.after(0, owner('spinner'), 'again', spin);
  spin();
  await expect(runAll(scheduler)).rejects.toThrow(new Livelock("200000 events happened at one moment; the last is 'again' of spinner"));
});

test('traces differ as soon as one event does', async () => {
  const hashOf = async (names: readonly string[], delay = 1) => {
    const scheduler = new Scheduler('seed', async () => {});
    for (const name of names) scheduler.after(delay, owner('a'), name, () => {});
    await runAll(scheduler);
    return scheduler.traceHash;
  };
  const same = await hashOf(['x', 'y']);
  expect(await hashOf(['x', 'y'])).toBe(same);
  for (const other of [hashOf(['x', 'z']), hashOf(['x']), hashOf(['x', 'y'], 1.25)]) expect(await other).not.toBe(same);
});

test('the trace keeps what happened last', async () => {
  const scheduler = new Scheduler('seed', async () => {});
  for (let n = 0; n < 10_000; n++) scheduler.note(`line ${n}`);
  expect(scheduler.trace).toHaveLength(2_000);
  expect(scheduler.trace.at(-1)).toBe('0.000 line 9999');
  expect(scheduler.trace[0]).toBe('0.000 line 8000');
});
