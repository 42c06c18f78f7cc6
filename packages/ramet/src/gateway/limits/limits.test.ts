import { describe, expect, test } from 'vitest';
import { VirtualTime } from '../../rpc/virtual-time.fixture.ts';
import { createLog } from '../../telemetry/index.ts';
import { noting } from '../../telemetry/recorder.fixture.ts';
import type { Limit } from '../gateway.ts';
import type { LimitCounter, LimitStore } from './limit-store.ts';
import { memoryStore } from './limit-store.ts';
import { createLimits, type LimitKind } from './limits.ts';

type Mood = 'works' | 'hangs' | 'fails';

/** A gateway on a store that all its replicas share, which can be made to hang or to fail. */
class Shared {
  readonly time = new VirtualTime();
  readonly lines: Record<string, unknown>[] = [];
  readonly decided: string[] = [];
  readonly buckets: string[] = [];
  asked = 0;
  mood: Mood = 'works';
  readonly #memory = memoryStore(this.time.platform);
  readonly #waiting: ((error: Error) => void)[] = [];
  readonly store: LimitStore = {
    capabilities: { name: 'test', shared: true, survivesRestart: true },
    counter: (bucket, rate) => {
      this.buckets.push(bucket);
      const counter = this.#memory.counter(bucket, rate);
      return { take: (key) => this.#take(counter, key) };
    },
    close: async () => {},
  };

  async #take(counter: LimitCounter, key: string) {
    this.asked++;
    if (this.mood === 'fails') throw new Error('connection refused');
    if (this.mood === 'hangs') await new Promise((_, reject) => this.#waiting.push(reject));
    return counter.take(key);
  }

  /** What hung fails at last, long after the last request has stopped waiting for it. */
  lateFailures(): void {
    for (const reject of this.#waiting.splice(0)) reject(new Error('connection lost'));
  }

  replica(gateway = 'web') {
    const { platform } = this.time;
    const log = createLog({
      platform,
      service: 'web',
      version: '1',
      env: 'test',
      destination: (line) => void this.lines.push(JSON.parse(line as string)),
    });
    const limits = createLimits(
      {
        platform,
        log,
        limits: this.store,
        instrument: noting((note) => note.what === 'limit uncounted' && this.decided.push(note.answer)),
      },
      gateway,
    );
    return async (limit: Limit, key = 'anna', kind: LimitKind = 'client', headers: Record<string, string> = {}): Promise<string> => {
      const startedMono = this.time.now;
      let outcome = 'under way';
      const end = (text: string) => {
        outcome = this.time.now === startedMono ? text : `${text} after ${this.time.now - startedMono} ms`;
      };
      void Promise.resolve(limits.take(limit, kind, key, headers)).then(
        () => end('allowed'),
        (error: { code: string }) => end(error.code),
      );
      await this.time.pass(0);
      for (let i = 0; outcome === 'under way' && i < 100; i++) await this.time.pass(1);
      return outcome;
    };
  }
}

const THREE: Limit = { rate: '3/1h' };
const CLOSED: Limit = { rate: '3/1h', storeFailure: 'failClosed' };

describe('limits in memory', () => {
  test('are counted at once, without a promise', () => {
    const { platform } = new VirtualTime();
    const limits = createLimits({ platform, log: {} as never }, 'web');
    const headers = {};
    for (let i = 0; i < 3; i++) expect(limits.take(THREE, 'client', 'anna', headers)).toBeUndefined();
    expect(headers).toEqual({ 'ratelimit-limit': '3', 'ratelimit-remaining': '0', 'ratelimit-reset': '3600' });
    expect(() => limits.take(THREE, 'client', 'anna')).toThrow(
      expect.objectContaining({ code: 'TooManyRequests', retryAfterMs: 1_200_000 }),
    );
    expect(limits.take(THREE, 'failures', 'anna')).toBeUndefined();
  });
});

describe('limits in a store', () => {
  test('are counted by all replicas together, and appear in the headers', async () => {
    const shared = new Shared();
    const [one, two] = [shared.replica(), shared.replica()];
    const headers: Record<string, string> = {};
    expect([await one(THREE), await two(THREE), await one(THREE, 'anna', 'client', headers)]).toEqual(['allowed', 'allowed', 'allowed']);
    expect(headers['ratelimit-remaining']).toBe('0');
    expect([await one(THREE), await two(THREE), await two(THREE, 'bert')]).toEqual(['TooManyRequests', 'TooManyRequests', 'allowed']);
    expect([shared.decided, shared.lines, shared.time.timers]).toEqual([[], [], 0]);
  });

  test('have the same names in every replica, whichever was used first', async () => {
    const shared = new Shared();
    const [one, two, mobile] = [shared.replica(), shared.replica(), shared.replica('mobile')];
    await one(THREE, 'a', 'client');
    await one(THREE, 'a', 'route');
    await two(THREE, 'a', 'route');
    await two(THREE, 'a', 'client');
    await mobile(THREE, 'a', 'client');
    expect(shared.buckets).toEqual(['web/client', 'web/route', 'web/route', 'web/client', 'mobile/client']);
  });
});

describe('while the store hangs', () => {
  test('three requests wait 50 ms each, and after that one a second', async () => {
    const shared = new Shared();
    const take = shared.replica();
    const wide: Limit = { rate: '1000/1h' };
    await take(wide);
    shared.mood = 'hangs';
    const outcomes: string[] = [];
    for (let i = 0; i < 5; i++) outcomes.push(await take(wide));
    expect(outcomes).toEqual(['allowed after 50 ms', 'allowed after 50 ms', 'allowed after 50 ms', 'allowed', 'allowed']);
    shared.asked = 0;
    for (let second = 0; second < 10; second++) {
      await shared.time.pass(1_000);
      await Promise.all(Array.from({ length: 20 }, () => take(wide)));
    }
    expect(shared.asked).toBe(10);
    shared.lateFailures();
    await shared.time.pass(0);
  });

  test('a limit that fails open is counted by each replica alone: no client gets more than the limit from one of them', async () => {
    const shared = new Shared();
    const [one, two] = [shared.replica(), shared.replica()];
    shared.mood = 'fails';
    for (const take of [one, two]) {
      expect([await take(THREE), await take(THREE), await take(THREE), await take(THREE)]).toEqual([
        'allowed',
        'allowed',
        'allowed',
        'TooManyRequests',
      ]);
      expect(await take(THREE, 'bert')).toBe('allowed');
    }
    expect(shared.decided).toEqual(Array.from({ length: 10 }, () => 'failOpen'));
  });

  test('a limit that fails closed refuses, and says when to try again', async () => {
    const shared = new Shared();
    const take = shared.replica();
    shared.mood = 'fails';
    for (let i = 0; i < 5; i++) expect(await take(CLOSED)).toBe('LimitsUnavailable');
    expect(shared.decided).toEqual(Array.from({ length: 5 }, () => 'failClosed'));
    const { platform } = shared.time;
    const limits = createLimits(
      { platform, log: createLog({ platform, service: 'x', version: '1', env: 't', destination: () => {} }), limits: shared.store },
      'web',
    );
    await expect(limits.take(CLOSED, 'client', 'anna')).rejects.toMatchObject({ status: 503, retryAfterMs: 1_000, executed: 'no' });
  });
});

describe('the alarm', () => {
  test('is raised once for each outage of the store, and its end is logged', async () => {
    const shared = new Shared();
    const take = shared.replica();
    const wide: Limit = { rate: '1000/1h' };
    for (let time = 0; time < 2; time++) {
      shared.mood = 'fails';
      for (let i = 0; i < 40; i++) {
        await take(wide);
        await shared.time.pass(250);
      }
      shared.mood = 'works';
      await shared.time.pass(1_000);
      for (let i = 0; i < 3; i++) await take(wide);
    }
    expect(shared.lines).toEqual([
      expect.objectContaining({
        level: 'error',
        alarm: true,
        gateway: 'web',
        limits: 'test',
        event: 'limits_unavailable',
      }),
      expect.objectContaining({ level: 'info', awayMs: expect.any(Number), event: 'limits_recovered' }),
      expect.objectContaining({ level: 'error' }),
      expect.objectContaining({ level: 'info' }),
    ]);
    expect(shared.lines[0]).toMatchObject({ err: { message: 'connection refused' } });
  });

  test('is not raised for a single failure: that request alone is counted in this replica', async () => {
    const shared = new Shared();
    const take = shared.replica();
    for (let i = 0; i < 10; i++) {
      shared.mood = 'fails';
      await take({ rate: '1000/1h' });
      await take({ rate: '1000/1h' });
      shared.mood = 'works';
      await take({ rate: '1000/1h' });
    }
    expect([shared.lines, shared.decided.length, shared.asked]).toEqual([[], 20, 30]);
  });
});

test('when the store is available again, all requests use it at once', async () => {
  const shared = new Shared();
  const take = shared.replica();
  const wide: Limit = { rate: '1000/1h' };
  shared.mood = 'fails';
  for (let i = 0; i < 5; i++) await take(wide);
  shared.mood = 'works';
  await shared.time.pass(1_000);
  shared.asked = 0;
  shared.decided.length = 0;
  for (let i = 0; i < 5; i++) expect(await take(wide)).toBe('allowed');
  expect([shared.asked, shared.decided]).toEqual([5, []]);
});
