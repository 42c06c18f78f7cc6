import { expect, test } from 'vitest';
import { escaping, WAYS } from './fixtures/escaping.fixture.ts';
import { simulate } from './index.ts';

test.each(Object.keys(WAYS))('%s in a handler fails the run, and the stack says where', async (way) => {
  const { topology, ...simulation } = escaping(way);
  const { failures } = await simulate(topology, { ...simulation, seeds: 1, keepFaults: true });
  const told = failures[0]?.violations.find(({ id }) => id === 'escape')?.detail;
  expect(told).toContain(`called ${WAYS[way]?.name}, which no seed decides; use ${WAYS[way]?.instead}`);
  expect(told).toMatch(/escaping\.fixture\.ts:\d+/);
});

test('what a seed decides is not an escape', async () => {
  const { topology, ...simulation } = escaping('nothing');
  expect((await simulate(topology, { ...simulation, seeds: 1 })).failures).toEqual([]);
});

test('after a run the real world is as it was', async () => {
  const real = [
    Date,
    Date.now,
    Math.random,
    setTimeout,
    fetch,
    crypto.randomUUID,
    process.hrtime,
    process.hrtime.bigint,
    AbortSignal.timeout,
  ];
  const { topology, ...simulation } = escaping('Date.now');
  await simulate(topology, { ...simulation, seeds: 1, keepFaults: true });
  expect([
    Date,
    Date.now,
    Math.random,
    setTimeout,
    fetch,
    crypto.randomUUID,
    process.hrtime,
    process.hrtime.bigint,
    AbortSignal.timeout,
  ]).toEqual(real);
  expect(Object.hasOwn(crypto, 'randomUUID')).toBe(false);
  expect(new Date().getFullYear()).toBeGreaterThan(2_000);
});
