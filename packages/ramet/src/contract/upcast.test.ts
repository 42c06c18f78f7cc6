import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compileContract, contract, type EventRef, event, readEvent } from './index.ts';

const Total = z.object({ orderId: z.string(), total: z.object({ amount: z.int(), currency: z.string() }) });
const placed = (upcast?: Record<number, (old: any) => unknown>, version = 3) =>
  contract('orders', { events: { OrderPlaced: event(Total, { key: 'orderId', version, ...(upcast ? { upcast } : {}) }) } });
const STEPS = {
  1: (old: { id: string; total: number }) => ({ orderId: old.id, total: old.total }),
  2: (old: { orderId: string; total: number }) => ({ orderId: old.orderId, total: { amount: old.total, currency: 'EUR' } }),
};
const refOf = (made: ReturnType<typeof placed>): EventRef => made.events.OrderPlaced;

describe('data of an older version', () => {
  test('goes through every step to the current version, and is then validated', () => {
    const ref = refOf(placed(STEPS));
    const present = { orderId: 'o1', total: { amount: 5, currency: 'EUR' } };
    expect(readEvent(ref, 1, { id: 'o1', total: 5 })).toEqual({ ok: true, value: present });
    expect(readEvent(ref, 2, { orderId: 'o1', total: 5 })).toEqual({ ok: true, value: present });
    expect(readEvent(ref, 3, present)).toEqual({ ok: true, value: present });
    expect(readEvent(ref, 1, { id: 'o1', total: 0.5 })).toMatchObject({ ok: false, issues: [{ path: 'total.amount' }] });
  });

  test('must fit the current schema unchanged where there are no steps', () => {
    const ref = refOf(placed(undefined));
    expect(readEvent(ref, 1, { orderId: 'o1', total: { amount: 5, currency: 'EUR' } })).toMatchObject({ ok: true });
    expect(readEvent(ref, 1, { id: 'o1', total: 5 })).toMatchObject({ ok: false });
  });

  test('does not fit when a step throws, and the issue says so', () => {
    const ref = refOf(
      placed({
        ...STEPS,
        2: () => {
          throw new Error('no total');
        },
      }),
    );
    expect(readEvent(ref, 1, { id: 'o1' })).toEqual({
      ok: false,
      issues: [{ path: '', message: 'its step from version 2 to 3 failed: no total' }],
    });
  });
});

test('an unknown version does not fit', () => {
  const ref = refOf(placed(STEPS));
  for (const version of [4, 0, -1, 1.5, Number.NaN]) expect(readEvent(ref, version, {})).toMatchObject({ ok: false });
});

test('every gap in a chain, and every step from a version that does not exist, is a problem of the contract', () => {
  const all = [1, 2, 3, 4, 5, 6];
  fc.assert(
    fc.property(fc.subarray(all), fc.integer({ min: 1, max: 5 }), (given, version) => {
      const { problems } = compileContract(placed(Object.fromEntries(given.map((from) => [from, (old: unknown) => old])), version));
      const wrong = all.filter((from) => given.includes(from) !== from < version);
      expect(problems.length).toBe(wrong.length);
      for (const from of wrong)
        expect(problems).toContainEqual(
          expect.stringMatching(new RegExp(`^contract 'orders', event 'OrderPlaced': 'upcast' has (no|a) step from version ${from}\\b`)),
        );
    }),
  );
  expect(compileContract(placed(undefined, 1.5)).problems).toEqual([
    "contract 'orders', event 'OrderPlaced': its version 1.5 is not a whole number from 1",
  ]);
});
