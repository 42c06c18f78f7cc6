import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission, type Place } from './admission.ts';
import { Loop, run, type Scenario } from './loop.fixture.ts';

const twice: Scenario = { costMs: 1, turns: 3, refusalMs: 0.1, load: 2, connections: 400, seconds: 6, admission: true, deadlineMs: 500 };

describe('at twice what the loop can do, over 400 connections', () => {
  test.each([
    [0.3, 1],
    [0.3, 8],
    [1, 1],
    [1, 3],
    [1, 8],
    [5, 1],
    [5, 3],
    [20, 1],
    [20, 3],
  ])('requests of %s ms in %s turns are answered in time, as many as at its capacity', async (costMs, turns) => {
    const scenario = { ...twice, costMs, turns, refusalMs: costMs / 10, deadlineMs: Math.max(500, costMs * 50) };
    const { goodput, lateMs } = await run(scenario);
    expect(goodput).toBeGreaterThan(0.8);
    expect(lateMs.sort((a, b) => a - b)[Math.floor(lateMs.length / 2)]).toBeLessThan(Math.max(250, costMs * 25));
    const without = await run({ ...scenario, admission: false });
    expect(without.goodput).toBeLessThan(goodput / 2);
  });

  test('writes go first: those that are a fourth of all are all answered', async () => {
    const { goodput, writes } = await run({ ...twice, writesEvery: 4 });
    expect(goodput).toBeGreaterThan(0.8);
    expect(writes.answered / writes.asked).toBeGreaterThan(0.95);
  });
});

describe('nothing is refused', () => {
  test('below capacity', async () => {
    for (const turns of [1, 3, 8]) expect((await run({ ...twice, turns, load: 0.9 })).refused).toBe(0);
  });

  test('where fifty clients ask again as soon as they are answered', async () => {
    for (const turns of [1, 3, 8]) {
      const { refused, goodput } = await run({ ...twice, turns, connections: 50, load: 1_000, deadlineMs: Number.POSITIVE_INFINITY });
      expect(refused).toBe(0);
      expect(goodput).toBeGreaterThan(0.98);
    }
  });

  test('in a burst, nor because of a single pause', async () => {
    const loop = new Loop();
    const admission = new Admission(loop.platform);
    let [answered, refused] = [0, 0];
    const ask = async () => {
      const place = await admission.enter('read', () => false);
      if (!place) return refused++;
      await loop.yield();
      loop.nowMs += 0.4;
      place.leave();
      return answered++;
    };
    const later = async (requests: number) => {
      for (let i = 0; i < requests; i++) void ask();
      return Number.POSITIVE_INFINITY;
    };
    await loop.turn(() => later(400));
    for (let turn = 0; turn < 30; turn++) await loop.turn(() => later(0));
    await loop.turn(async () => {
      await later(30);
      loop.nowMs += 400;
      return later(100);
    });
    for (let turn = 0; turn < 30; turn++) await loop.turn(() => later(0));
    expect([answered, refused]).toEqual([530, 0]);
  });
});

test('what waits for something else than this process takes no place for longer than a second', async () => {
  const loop = new Loop();
  const admission = new Admission(loop.platform);
  for (let i = 0; i < 60; i++) expect(admission.enter('read', () => false)).toHaveProperty('leave');
  // The loop is so busy that the limit falls far below them.
  for (let turn = 0; turn < 20; turn++)
    await loop.turn(async () => {
      void admission.enter('read', () => true);
      loop.nowMs += 300;
      return loop.nowMs;
    });
  expect(admission.limit).toBeLessThan(60);
  for (let turn = 0; turn < 3; turn++) await loop.turn(async () => loop.nowMs + 1);
  expect(admission.enter('read', () => false)).toHaveProperty('leave');
});

test('the request of a client that left while it waited does not begin, and delays no other', async () => {
  const loop = new Loop();
  const admission = new Admission(loop.platform);
  const places = Array.from({ length: 64 }, () => admission.enter('write', () => false)) as Place[];
  let begun = 0;
  void Promise.resolve(admission.enter('write', () => true)).then(() => begun++);
  const second = admission.enter('write', () => false);
  for (const place of places) place.leave();
  await loop.turn(async () => Number.POSITIVE_INFINITY);
  expect(await second).toHaveProperty('leave');
  expect(begun).toBe(0);
});

test('whatever happens, each request is begun or refused in less than a second, and places are given back once', async () => {
  const step = fc.record({ ask: fc.nat(80), answer: fc.nat(80), ms: fc.nat(150), write: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const loop = new Loop();
      const admission = new Admission(loop.platform);
      const held: Place[] = [];
      let open = 0;
      let waitedMs = 0;
      const ask = async (write: boolean) => {
        const askedMs = loop.nowMs;
        open++;
        const place = await admission.enter(write ? 'write' : 'read', () => false);
        open--;
        waitedMs = Math.max(waitedMs, loop.nowMs - askedMs);
        if (place) held.push(place);
      };
      for (const { ask: asks, answer, ms, write } of steps)
        await loop.turn(async () => {
          for (let i = 0; i < asks; i++) void ask(write);
          for (const place of held.splice(0, answer)) {
            place.leave();
            place.leave();
          }
          loop.nowMs += ms;
          return loop.nowMs;
        });
      for (let turn = 0; turn < 300; turn++) await loop.turn(async () => loop.nowMs + 25);
      expect([open, admission.waiting]).toEqual([0, 0]);
      expect(waitedMs).toBeLessThan(1_000);
      expect(admission.limit).toBeGreaterThanOrEqual(16);
    }),
    { numRuns: 60 },
  );
});
