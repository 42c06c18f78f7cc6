import { beforeEach, expect, test } from 'vitest';
import { type Platform, realPlatform, type Timer } from '../platform/index.ts';
import { createHealth, type EventLog, type Health, silentLog } from './index.ts';

const NOON = Date.UTC(2026, 6, 31, 12);

let mono: number;
let timers: { at: number; fire: () => void }[];
let logged: { event: string; fields: any }[];
let health: Health;

/** Lets time pass and everything happen that becomes due. */
async function pass(ms: number): Promise<void> {
  mono += ms;
  const due = timers.filter((timer) => timer.at <= mono);
  timers = timers.filter((timer) => timer.at > mono);
  for (const timer of due) timer.fire();
  await realPlatform().timers.yield();
}

beforeEach(() => {
  mono = 5_000;
  timers = [];
  logged = [];
  const set = (delayMs: number, fire: () => void): Timer => {
    const timer = { at: mono + delayMs, fire };
    timers.push(timer);
    return {
      cancel() {
        timers = timers.filter((other) => other !== timer);
      },
    };
  };
  const real = realPlatform();
  const platform: Platform = { ...real, clock: { wallNow: () => NOON, monoNow: () => mono }, timers: { ...real.timers, set } };
  const log: EventLog = { ...silentLog, event: (event, fields) => void logged.push({ event, fields }) };
  health = createHealth(platform, { startedAtMono: 2_500, log });
});

const refused = () => {
  throw new Error('connect ECONNREFUSED 10.0.0.7:5432 user=shop');
};

test('health shows every check, the time and the uptime in seconds', async () => {
  health.add('database', () => {}, { kind: 'critical' });
  health.add('broker', async () => {}, { kind: 'degrading' });
  expect(await health.health()).toEqual({
    status: 200,
    body: { status: 'ok', timestamp: '2026-07-31T12:00:00.000Z', uptime: 2.5, checks: { database: 'healthy', broker: 'healthy' } },
  });
});

test('health answers 503 when any check fails, and only the log learns why', async () => {
  health.add('database', () => {}, { kind: 'critical' });
  health.add('broker', refused, { kind: 'degrading' });
  const answer = await health.health();
  expect(answer).toMatchObject({ status: 503, body: { status: 'degraded', checks: { database: 'healthy', broker: 'unhealthy' } } });
  expect(JSON.stringify(answer)).not.toContain('ECONNREFUSED');
  expect(logged).toEqual([{ event: 'health_check_failed', fields: { check: 'broker', kind: 'degrading', err: expect.any(Error) } }]);
});

test('the process is alive whatever its dependencies do, and before it is ready', async () => {
  health.add('database', refused, { kind: 'critical' });
  await health.health();
  expect(health.live()).toEqual({ status: 200, body: { status: 'alive' } });
});

test('it is ready from when it says so until it says otherwise', async () => {
  expect((await health.ready()).status).toBe(503);
  health.setReady(true);
  expect(await health.ready()).toEqual({ status: 200, body: { status: 'ready' } });
  health.setReady(false, 'SIGTERM');
  expect(await health.ready()).toEqual({ status: 503, body: { status: 'not ready' } });
  expect(logged.at(-1)).toEqual({ event: 'process_draining', fields: { reason: 'SIGTERM' } });
});

test('a failing critical check takes readiness away, a failing degrading one does not', async () => {
  health.setReady(true);
  health.add('broker', refused, { kind: 'degrading' });
  expect((await health.ready()).status).toBe(200);
  health.add('database', refused, { kind: 'critical' });
  expect((await health.ready()).status).toBe(503);
});

test('readiness that is withdrawn while the checks run is not given', async () => {
  health.setReady(true);
  let answer = () => {};
  health.add('database', () => new Promise<void>((resolve) => (answer = resolve)), { kind: 'critical' });
  const ready = health.ready();
  health.setReady(false);
  answer();
  expect((await ready).status).toBe(503);
});

test('probes within a second share one run, and so do probes at the same time', async () => {
  let runs = 0;
  health.add('database', () => void runs++, { kind: 'critical' });
  health.setReady(true);
  await Promise.all([health.health(), health.ready(), health.health()]);
  await pass(999);
  await health.health();
  expect(runs).toBe(1);
  await pass(1);
  await health.health();
  expect(runs).toBe(2);
});

test('a check that hangs is unhealthy after its timeout, and its signal aborts', async () => {
  let signal: AbortSignal | undefined;
  const hang = (given: AbortSignal) => {
    signal = given;
    return new Promise(() => {});
  };
  health.add('broker', hang, { kind: 'degrading', timeoutMs: 200 });
  const answer = health.health();
  await pass(199);
  expect(signal?.aborted).toBe(false);
  await pass(1);
  expect((await answer).body.checks).toEqual({ broker: 'unhealthy' });
  expect(signal?.aborted).toBe(true);
  expect(logged[0]?.fields.err.message).toBe('No answer within 200 ms');
});

test('hanging checks do not pile up, and are tried again in the end', async () => {
  let runs = 0;
  const hang = () => {
    runs++;
    return new Promise(() => {});
  };
  health.add('broker', hang, { kind: 'degrading' });
  for (let second = 0; second < 30; second++) {
    const answer = health.health();
    await pass(1_000);
    expect((await answer).status).toBe(503);
  }
  expect(runs).toBe(1);
  await pass(1_000);
  void health.health();
  expect(runs).toBe(2);
});

test('an answer that comes after the timeout changes nothing but lets the next run begin', async () => {
  let answer = () => {};
  let runs = 0;
  const late = () => {
    runs++;
    return runs === 1 ? new Promise<void>((resolve) => (answer = resolve)) : undefined;
  };
  health.add('broker', late, { kind: 'degrading' });
  const first = health.health();
  await pass(1_000);
  expect((await first).status).toBe(503);
  answer();
  await pass(500);
  expect((await health.health()).status).toBe(503);
  await pass(500);
  expect((await health.health()).status).toBe(200);
  expect(timers).toEqual([]);
});

test('the log reports when a check begins to fail and when it recovers, and nothing in between', async () => {
  let broken = true;
  health.add('database', () => (broken ? refused() : undefined), { kind: 'critical' });
  for (let i = 0; i < 3; i++) {
    await health.health();
    await pass(1_000);
  }
  broken = false;
  await health.health();
  expect(logged.map(({ event }) => event)).toEqual(['health_check_failed', 'health_check_recovered']);
});

test('a name is given once', () => {
  health.add('database', () => {}, { kind: 'critical' });
  expect(() => health.add('database', () => {}, { kind: 'critical' })).toThrow(RangeError);
});

test('a check that was removed is not asked any more, and its name may be given again', async () => {
  let asked = 0;
  const remove = health.add('database', () => void asked++, { kind: 'critical' });
  remove();
  expect((await health.health()).body.checks).toEqual({});
  health.add('database', () => refused(), { kind: 'critical' });
  remove();
  expect((await health.health()).body.checks).toEqual({ database: 'unhealthy' });
  expect(asked).toBe(0);
});
