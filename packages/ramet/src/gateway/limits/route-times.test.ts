import { expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { type Platform, realPlatform } from '../../platform/index.ts';
import { Canceller } from '../../rpc/index.ts';
import type { Admitted } from '../outcome.ts';
import { RouteTimes } from './route-times.ts';

/** A route whose answers take as long as they are said to. */
function slowRoute() {
  let nowMs = 0;
  const real = realPlatform();
  const platform: Platform = { ...real, clock: { wallNow: () => nowMs, monoNow: () => nowMs } };
  const times = new RouteTimes(platform);
  const request = { headers: new Map(), cancellation: new Canceller() };
  const admitted = { route: { kind: 'compose', pattern: 'GET /report' }, request } as unknown as Admitted;
  return (count: number, tookMs: number, status: number) =>
    Promise.allSettled(
      Array.from({ length: count }, (_, i) =>
        times.timed(admitted, async () => {
          await null;
          if (i === 0) nowMs += tookMs;
          await null;
          if (status >= 500) throw new RametError('Unavailable');
          return { status, headers: {}, route: '', correlationId: '', body: '' };
        }),
      ),
    );
}

/** How many of many at once are begun. */
const begun = async (ask: ReturnType<typeof slowRoute>): Promise<number> =>
  (await ask(500, 800, 200)).filter(({ status }) => status === 'fulfilled').length;

test.each([404, 503])('answers of %i that come at once do not make the others late', async (status) => {
  const ask = slowRoute();
  for (let round = 0; round < 50; round++) {
    await ask(30, 800, 200);
    await ask(10, 1, status);
  }
  expect(await begun(ask)).toBe(500);
});

test.each([200, 404, 503])('answers of %i that come late lower the limit', async (status) => {
  const ask = slowRoute();
  await ask(3, 20, 200);
  await ask(30, 2_000, status);
  expect(await begun(ask)).toBeLessThan(30);
});
