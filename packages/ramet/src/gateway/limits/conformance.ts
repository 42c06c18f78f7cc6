import { expect } from 'vitest';
import { type Case, conformanceSuite, type Exceptions } from '../../platform/cases.conformance.ts';
import type { LimitCounter, LimitStore, LimitStoreCapabilities } from './limit-store.ts';
import { parseRate, type RateDecision } from './rate-limit.ts';

/** What an adapter of {@link LimitStore} provides to its conformance suite. */
export interface LimitStoreHarness {
  readonly capabilities: LimitStoreCapabilities;
  /** Makes an empty place for counts, for one case alone. */
  place(): Promise<LimitStorePlace>;
  readonly exceptions?: Exceptions;
}

/** A place where stores of limits keep their counts. */
export interface LimitStorePlace {
  /** Opens a replica: a store on this place, ready to count. Shared stores on one place count together. */
  open(): Promise<LimitStore>;
  /** Lets this much time of the store pass, and not much more. */
  pass(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Registers the tests that every adapter of {@link LimitStore} passes; `capabilities` chooses among them. */
export function limitStoreConformance(name: string, { capabilities, place, exceptions }: LimitStoreHarness): void {
  const onStore = (run: (store: LimitStore, at: LimitStorePlace, open: () => Promise<LimitStore>) => Promise<void>) => async () => {
    const at = await place();
    const stores: LimitStore[] = [];
    const open = async () => {
      const store = await at.open();
      stores.push(store);
      return store;
    };
    try {
      await run(await open(), at, open);
    } finally {
      for (const store of stores) await store.close();
      await at.dispose();
    }
  };

  conformanceSuite(`${name} as a store of limits`, exceptions, (it: Case) => {
    it(
      'allows the whole count at once, and then refuses',
      onStore(async (store) => {
        const decisions = await takes(store.counter('web/client', parseRate('5/1m')), 'anna', 7);
        expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false, false]);
      }),
    );
    it(
      'says how much remains, when the limit is whole, and when to try again',
      onStore(async (store) => {
        const [first, , last, next] = await takes(store.counter('web/client', parseRate('3/1m')), 'anna', 4);
        expect(first).toMatchObject({ allowed: true, limit: 3, remaining: 2, retryAfterMs: 0 });
        expect(last).toMatchObject({ allowed: true, limit: 3, remaining: 0, retryAfterMs: 0 });
        expect(next).toMatchObject({ allowed: false, limit: 3, remaining: 0 });
        for (const [ms, about] of [
          [first?.resetMs, 20_000],
          [last?.resetMs, 60_000],
          [next?.retryAfterMs, 20_000],
        ] as const) {
          expect(ms).toBeLessThanOrEqual(about);
          expect(ms).toBeGreaterThan(about - 5_000);
        }
      }),
    );
    it(
      'gives requests back one by one, and admits one after the wait that it named',
      onStore(async (store, at) => {
        const counter = store.counter('web/client', parseRate('4/4s'));
        await takes(counter, 'anna', 4);
        const { retryAfterMs } = await refused(counter, 'anna');
        expect(retryAfterMs).toBeLessThanOrEqual(1_000);
        await at.pass(retryAfterMs);
        expect(admitted(await takes(counter, 'anna', 4))).toBe(1);
      }),
    );
    it(
      'is whole again after its time, and no more than whole',
      onStore(async (store, at) => {
        const counter = store.counter('web/client', parseRate('4/2s'));
        await takes(counter, 'anna', 4);
        await at.pass(3_000);
        expect(admitted(await takes(counter, 'anna', 4))).toBe(4);
        const late = await counter.take('anna');
        expect(late.allowed ? late.remaining : 0).toBe(0);
      }),
    );
    it(
      'charges nothing for refused requests',
      onStore(async (store, at) => {
        const counter = store.counter('web/client', parseRate('2/2s'));
        await takes(counter, 'anna', 200);
        const { retryAfterMs } = await refused(counter, 'anna');
        expect(retryAfterMs).toBeLessThanOrEqual(1_000);
        await at.pass(retryAfterMs);
        expect((await counter.take('anna')).allowed).toBe(true);
      }),
    );
    it(
      'counts keys apart, whatever their characters',
      onStore(async (store) => {
        const counter = store.counter('web/client', parseRate('1/1m'));
        const keys = [
          '',
          'a',
          'A',
          ' a',
          'a ',
          'a:b',
          'a/b',
          'a|b',
          'a\nb',
          'a\u0000b',
          'ä',
          'a\u0308',
          '💥',
          '{a}',
          '*',
          '__proto__',
          'constructor',
        ];
        for (const key of keys) expect([key, (await counter.take(key)).allowed]).toEqual([key, true]);
        for (const key of keys) expect([key, (await counter.take(key)).allowed]).toEqual([key, false]);
      }),
    );
    it(
      'counts long keys apart',
      onStore(async (store) => {
        const counter = store.counter('web/field', parseRate('1/1m'));
        const long = 'x'.repeat(100_000);
        expect(admitted([...(await takes(counter, `${long}a`, 2)), ...(await takes(counter, `${long}b`, 2))])).toBe(2);
      }),
    );
    it(
      'counts buckets apart, and the same bucket at two rates apart',
      onStore(async (store) => {
        const counters = [
          store.counter('web/client', parseRate('2/1m')),
          store.counter('web/route', parseRate('2/1m')),
          store.counter('mobile/client', parseRate('2/1m')),
          store.counter('web/client', parseRate('2/2m')),
          store.counter('web/client', parseRate('3/1m')),
        ];
        for (const counter of counters) expect(await counter.take('anna')).toMatchObject({ allowed: true, resetMs: expect.any(Number) });
        const remaining = await Promise.all(counters.map(async (counter) => (await counter.take('anna')).remaining));
        expect(remaining).toEqual([0, 0, 0, 0, 1]);
      }),
    );
    it(
      'continues the count of a bucket at the same rate',
      onStore(async (store) => {
        await takes(store.counter('web/client', parseRate('3/1m')), 'anna', 2);
        expect(admitted(await takes(store.counter('web/client', parseRate('3/60s')), 'anna', 3))).toBe(1);
      }),
    );
    it(
      'admits exactly the count of many requests at once',
      onStore(async (store) => {
        const counter = store.counter('web/client', parseRate('50/1h'));
        const decisions = await Promise.all(Array.from({ length: 400 }, async () => counter.take('anna')));
        expect(admitted(decisions)).toBe(50);
        expect(new Set(decisions.filter(({ allowed }) => allowed).map(({ remaining }) => remaining)).size).toBe(50);
      }),
    );
    it(
      'counts exactly with a large count in a short time, and with a small count in a long one',
      onStore(async (store) => {
        const large = store.counter('web/client', parseRate('999999999/365d'));
        expect((await takes(large, 'anna', 3)).map(({ remaining }) => remaining)).toEqual([999_999_998, 999_999_997, 999_999_996]);
        const small = store.counter('web/client', parseRate('1/365d'));
        const [first, second] = await takes(small, 'anna', 2);
        expect(first?.allowed).toBe(true);
        expect(second?.retryAfterMs).toBeGreaterThan(364 * 86_400_000);
        const thirds = store.counter('web/client', parseRate('3/1h'));
        expect((await takes(thirds, 'anna', 4)).map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
      }),
    );
    if (capabilities.shared) {
      it(
        'counts exactly for all replicas together when they count at once',
        onStore(async (store, _at, open) => {
          const replicas = [store, await open(), await open()].map((each) => each.counter('web/client', parseRate('30/1h')));
          const decisions = await Promise.all(Array.from({ length: 150 }, async (_, i) => (replicas[i % 3] as LimitCounter).take('anna')));
          expect(admitted(decisions)).toBe(30);
        }),
      );
      it(
        'continues the count after a replica has ended',
        onStore(async (store, _at, open) => {
          await takes(store.counter('web/client', parseRate('3/1h')), 'anna', 2);
          await store.close();
          const next = await open();
          expect(admitted(await takes(next.counter('web/client', parseRate('3/1h')), 'anna', 3))).toBe(1);
        }),
      );
      it(
        'says that it cannot count once it is closed, and closes twice',
        onStore(async (store) => {
          const counter = store.counter('web/client', parseRate('3/1h'));
          await store.close();
          await store.close();
          await expect((async () => counter.take('anna'))()).rejects.toThrow();
        }),
      );
    }
  });
}

/** Takes one request after the other. */
async function takes(counter: LimitCounter, key: string, n: number): Promise<RateDecision[]> {
  const decisions: RateDecision[] = [];
  for (let i = 0; i < n; i++) decisions.push(await counter.take(key));
  return decisions;
}

/** Takes until a request is refused: on a slow machine a request may have been given back meanwhile. */
async function refused(counter: LimitCounter, key: string): Promise<RateDecision> {
  for (;;) {
    const decision = await counter.take(key);
    if (!decision.allowed) return decision;
  }
}

const admitted = (decisions: readonly RateDecision[]): number => decisions.filter(({ allowed }) => allowed).length;
