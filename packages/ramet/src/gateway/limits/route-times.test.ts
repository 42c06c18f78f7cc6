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

test('a full route refuses a request before its body is read, and has room again when an answer is known', async () => {
  let nowMs = 0;
  const times = new RouteTimes({ ...realPlatform(), clock: { wallNow: () => nowMs, monoNow: () => nowMs } });
  const request = { headers: new Map(), cancellation: new Canceller() };
  const admitted = { route: { kind: 'compose', pattern: 'GET /report' }, request } as unknown as Admitted;
  const response = { status: 200, headers: {}, route: '', correlationId: '', body: '' };
  const answers = (count: number, tookMs: number) =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        times.timed(admitted, async () => {
          await null;
          if (i === 0) nowMs += tookMs;
          await null;
          return response;
        }),
      ),
    );
  await answers(3, 20);
  // Late answers bring the limit down.
  await answers(30, 2_000);
  const ends: (() => void)[] = [];
  const running: Promise<unknown>[] = [];
  const hasRoom = () => {
    try {
      times.expectRoom(admitted.route);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'Overloaded', retryAfterMs: 1_000 });
      return false;
    }
  };
  while (hasRoom() && running.length < 1_000)
    running.push(times.timed(admitted, () => new Promise((resolve) => ends.push(() => resolve(response)))));
  expect(running.length).toBeLessThan(100);
  ends.shift()?.();
  await running[0];
  expect(hasRoom()).toBe(true);
  for (const end of ends) end();
  await Promise.all(running);
});
