import { expect, test } from 'vitest';
import { FaultPlan } from './faults.ts';
import { type Delivered, Network } from './network.ts';
import { Scheduler } from './scheduler.ts';

const endOf = (host: string) => ({ name: `${host}/1`, host, alive: true, pausedUntil: 0 });

/** Two ends; every request from one to the other meets exactly the given faults. */
function link(...kinds: readonly string[]) {
  const scheduler = new Scheduler('seed', () => new Promise((resolve) => setImmediate(resolve)));
  const only = new Set(kinds.map((kind) => `${kind}@a>b.ask#1`));
  const faults = new FaultPlan('seed', { intensities: {}, only, now: () => scheduler.now });
  faults.active = true;
  const network = new Network('seed', scheduler, faults);
  const a = endOf('a');
  const b = endOf('b');
  const arrived: number[] = [];
  const done: { at: number; delivered: Delivered<string> }[] = [];
  const send = (answer: () => Promise<string> = async () => 'yes') =>
    network.send(
      a,
      { host: 'b', end: () => b },
      'ask',
      () => {
        arrived.push(scheduler.now);
        return answer();
      },
      (delivered) => done.push({ at: scheduler.now, delivered }),
    );
  return {
    ...{ scheduler, network, a, b, arrived, done, send, faults },
    at: (ms: number, what: () => void) => void scheduler.after(ms, undefined, 'test', what),
    async rest() {
      while (await scheduler.step());
      return done.map(({ delivered }) => delivered);
    },
  };
}

test('a request arrives after a moment, and its answer after another', async () => {
  const l = link();
  l.send();
  expect(await l.rest()).toEqual([{ answer: 'yes' }]);
  expect(l.arrived).toHaveLength(1);
  expect(l.arrived[0]).toBeGreaterThan(0.05);
  expect(l.done[0]?.at).toBeGreaterThan((l.arrived[0] as number) + 0.05);
  expect(l.done[0]?.at).toBeLessThan(20);
});

test('a lost request never arrives, and its sender gets no answer', async () => {
  const l = link('lose-request');
  l.send();
  expect(await l.rest()).toEqual([]);
  expect(l.arrived).toEqual([]);
});

test('a lost answer: the request has arrived, and its sender gets no answer', async () => {
  const l = link('lose-reply');
  l.send();
  expect(await l.rest()).toEqual([]);
  expect(l.arrived).toHaveLength(1);
});

test.each(['late-request', 'late-reply'])('%s: comes within half a minute, not at once', async (kind) => {
  const l = link(kind);
  l.send();
  expect(await l.rest()).toEqual([{ answer: 'yes' }]);
  const late = kind === 'late-request' ? (l.arrived[0] as number) : (l.done[0]?.at as number) - (l.arrived[0] as number);
  expect(late).toBeGreaterThan(10);
  expect(late).toBeLessThan(30_100);
  expect(l.network.lastArrivalMs).toBe(l.arrived[0]);
});

test('a duplicate arrives twice, and is answered once', async () => {
  const l = link('duplicate');
  let n = 0;
  l.send(async () => `${++n}`);
  expect(await l.rest()).toEqual([{ answer: '1' }]);
  expect(l.arrived).toHaveLength(2);
});

test('a refused connection says that certainly nothing happened', async () => {
  const l = link('refuse');
  l.send();
  expect(await l.rest()).toEqual([{ broken: 'before' }]);
  expect(l.arrived).toEqual([]);
});

test('a reset connection says that the effect is unknown, and the request arrives anyway', async () => {
  const l = link('reset');
  l.send();
  expect(await l.rest()).toEqual([{ broken: 'after' }]);
  expect(l.arrived).toHaveLength(1);
});

test('nothing passes a cut, until it is over or healed', async () => {
  const l = link();
  l.network.cut('b', 'a', 100);
  l.send();
  l.at(101, () => l.send());
  expect(await l.rest()).toEqual([{ broken: 'before' }, { answer: 'yes' }]);
  l.network.cut('a', 'b', 1_000);
  l.network.heal();
  l.send();
  expect(await l.rest()).toHaveLength(3);
  expect(l.done[2]?.delivered).toEqual({ answer: 'yes' });
});

test('no process is there: the connection is refused', async () => {
  const l = link();
  l.b.alive = false;
  l.send();
  expect(await l.rest()).toEqual([{ broken: 'before' }]);
});

test('a process that dies while it answers breaks the connection, and the effect is unknown', async () => {
  const l = link();
  l.send(() => new Promise(() => {}));
  l.at(50, () => {
    l.b.alive = false;
    l.network.lost();
    l.network.lost();
  });
  expect(await l.rest()).toEqual([{ broken: 'after' }]);
  expect(l.arrived).toHaveLength(1);
});

test('an answer that is on its way when its sender dies goes down with the connection, and that is heard once', async () => {
  const l = link('late-reply');
  l.send();
  l.at(9, () => {
    l.b.alive = false;
    l.network.lost();
  });
  expect(await l.rest()).toEqual([{ broken: 'after' }]);
  expect(l.done[0]?.at).toBe(10);
});

test('a dead sender hears nothing', async () => {
  const l = link();
  l.send();
  l.at(0.01, () => {
    l.a.alive = false;
  });
  expect(await l.rest()).toEqual([]);
  expect(l.arrived).toHaveLength(1);
});

test('an answer that fails breaks the connection', async () => {
  const l = link();
  l.send(() => Promise.reject(new Error('no')));
  expect(await l.rest()).toEqual([{ broken: 'after' }]);
});

test('what arrives at a paused receiver waits', async () => {
  const l = link();
  l.b.pausedUntil = 5_000;
  l.send();
  expect(await l.rest()).toEqual([{ answer: 'yes' }]);
  expect(l.arrived).toEqual([5_000]);
});

test('a process that ends where a message leaves or arrives sends and receives nothing', async () => {
  const sender = link();
  Object.assign(sender.a, { passes: (site: string) => site !== 'sends ask' });
  sender.send();
  expect(await sender.rest()).toEqual([]);
  expect(sender.arrived).toEqual([]);
  const receiver = link();
  Object.assign(receiver.b, { passes: (site: string) => site !== 'receives ask' });
  receiver.send();
  expect(await receiver.rest()).toEqual([]);
  expect(receiver.arrived).toEqual([]);
});
