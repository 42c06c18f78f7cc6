import fc from 'fast-check';
import { ERRORS } from 'ramet';
import { describe, expect, test } from 'vitest';
import { behaviourOf, isCardNumber } from '../../../rig/provider/cards.ts';
import { products } from '../../services/catalog/data/products.ts';
import { cardProblem, grouped, TEST_CARDS } from './cards.ts';
import { CATEGORIES } from './categories.ts';
import { eventReader } from './event-stream.ts';
import { money } from './money.ts';
import { inWords, notCancelled, type Trouble, told } from './problems.ts';

const trouble = (more: Partial<Trouble>): Trouble => ({
  kind: 'problem',
  status: 500,
  code: 'Internal',
  data: undefined,
  errors: [],
  retryAfterSeconds: undefined,
  correlationId: undefined,
  ...more,
});

describe('trouble', () => {
  test('of every kind that the framework knows is described in its own words, with a way on', () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      const { title, text } = told(trouble({ code, status }));
      expect(`${title} ${text}`).not.toContain(code);
      expect(`${title} ${text}`).not.toMatch(/undefined|NaN|\bnull\b/);
    }
  });

  test('that requires patience says for how long', () => {
    expect(told(trouble({ status: 429, code: 'TooManyRequests', retryAfterSeconds: 9 }))).toMatchObject({
      way: 'wait',
      text: expect.stringContaining('in 9 seconds'),
    });
    expect([0, 1, 1.2, 59, 119, 120, 121, 900].map(inWords)).toEqual([
      '1 second',
      '1 second',
      '2 seconds',
      '59 seconds',
      '119 seconds',
      '2 minutes',
      '3 minutes',
      '15 minutes',
    ]);
  });

  test('in the way of a cancellation never reads as if it had been taken', () => {
    for (const kind of ['offline', 'problem'] as const) {
      const { title, text, way } = notCancelled('order', trouble({ kind, status: kind === 'offline' ? 0 : 503 }));
      expect(title).toBe('Your order was not cancelled');
      expect(text).not.toMatch(/nothing is lost/i);
      expect(way).toBe('again');
    }
    expect(notCancelled('order', trouble({ status: 409, code: 'TooLate' })).title).toBe('It is too late for that');
  });

  test('of a token leads to signing in, and that of a password does not', () => {
    expect(told(trouble({ status: 401, code: 'InvalidToken' })).way).toBe('sign-in');
    expect(told(trouble({ status: 401, code: 'InvalidCredentials' })).way).toBe('again');
  });
});

describe('cards', () => {
  test('that are offered are those that the provider knows, and their names are true', () => {
    const kinds = TEST_CARDS.map(({ number }) => behaviourOf(number).kind);
    expect(kinds).toEqual(['pays', 'declines', 'declines', 'charges-and-answers-late', 'charges-and-drops', 'unavailable', 'drops']);
    for (const { number } of TEST_CARDS) expect(cardProblem(grouped(number))).toBe(undefined);
  });

  test('are judged as the provider judges them', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{10,21}$/), (number) => {
        expect(cardProblem(number) === undefined).toBe(isCardNumber(number));
      }),
    );
    expect(grouped('4000000000000002')).toBe('4000 0000 0000 0002');
  });
});

test('every product is in a department that has a name', () => {
  expect(new Set(products.map(({ category }) => category))).toEqual(new Set(CATEGORIES.map(({ id }) => id)));
});

test('money is shown in euros and cents', () => {
  expect([0, 5, 1_990, 123_450].map(money)).toEqual(['€0.00', '€0.05', '€19.90', '€1,234.50']);
});

test('events are read out of pieces cut anywhere', () => {
  const events = ['{"a":1}', '{"b":"ü\\n"}', '{"c":[]}'];
  const text = `: still here\n\n${events.map((data) => `data: ${data}\n\n`).join(': still here\n\n')}`;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
      const read = eventReader();
      const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      expect(at.slice(1).flatMap((end, i) => read(text.slice(at[i], end)))).toEqual(events);
    }),
  );
});
