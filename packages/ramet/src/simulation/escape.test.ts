import { expect, test } from 'vitest';
import { coins, putOnce } from './fixtures/coins.fixture.ts';
import { escaping, WAYS } from './fixtures/escaping.fixture.ts';
import { type CampaignReport, type Simulation, simulate } from './index.ts';

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

test('simulations under way at once keep their escapes and rejections apart, and do what each does alone', async () => {
  const listeners = process.rawListeners('unhandledRejection');
  const real = [Date, Date.now, setTimeout, fetch];
  const careless = coins({
    async put(coin, db) {
      void Promise.reject(new Error('left behind'));
      await putOnce(coin, db);
    },
  });
  const run = async ({ topology, ...simulation }: Simulation, seeds: number) =>
    simulate(topology, { ...simulation, seeds, keepFaults: true });
  const alone = await run(coins(), 6);
  const [calm, escaped, left] = await Promise.all([run(coins(), 6), run(escaping('Date.now'), 1), run(careless, 1)]);
  expect(calm).toEqual(alone);
  const found = (report: CampaignReport) => new Set(report.failures.flatMap(({ violations }) => violations.map(({ id }) => id)));
  expect(found(calm)).toEqual(new Set());
  expect(found(escaped)).toContain('escape');
  expect(found(escaped)).not.toContain('uncaught');
  expect(found(left)).toContain('uncaught');
  expect(found(left)).not.toContain('escape');
  expect(process.rawListeners('unhandledRejection')).toEqual(listeners);
  expect([Date, Date.now, setTimeout, fetch]).toEqual(real);
});
