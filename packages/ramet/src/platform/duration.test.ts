import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DAY, type Duration, durationMs, isoOf, waitMs } from './duration.ts';

test.each([
  ['250ms', 250],
  ['1.5s', 1_500],
  ['1.1s', 1_100],
  ['1333.33ms', 1_333],
  ['0.4ms', 0],
  ['15m', 900_000],
  ['36525d', 36_525 * DAY],
] as const)('%s is %i ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each([
  '5 sec',
  '',
  '-5s',
  '+5s',
  '1e3s',
  '.5s',
  '5',
  '5S',
  ' 5s',
  '5s\n',
  'NaNs',
  'Infinitys',
  '٣s',
  5_000,
  Number.NaN,
  null,
  undefined,
  {},
])('%j is not a duration', (text) => {
  expect(() => durationMs(text as Duration)).toThrow(/is not a duration: write/);
  expect(() => waitMs(text as Duration)).toThrow(/is not a duration: write/);
});

test('a duration whose end no date can hold is refused, and a wait of that length lasts a hundred years', () => {
  for (const text of ['36526d', '99999999d', '99999999999d', `${'9'.repeat(400)}ms`] as Duration[]) {
    expect(() => durationMs(text)).toThrow(/is longer than the longest duration/);
    expect(waitMs(text)).toBe(36_525 * DAY);
  }
});

test('a duration outside of its range is refused with the text that was given', () => {
  expect(() => durationMs('999ms', { least: '1s' })).toThrow("'999ms' is shorter than '1s'");
  expect(() => durationMs('2d', { most: '1d' })).toThrow("'2d' is longer than '1d'");
  expect(durationMs('1s', { least: '1s', most: '1s' })).toBe(1_000);
});

test('every duration that is accepted is a whole number of milliseconds up to a hundred years', () => {
  const text = fc
    .tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom('ms', 's', 'm', 'h', 'd'))
    .map(([n, unit]) => `${n.toFixed(3)}${unit}` as Duration);
  fc.assert(
    fc.property(text, (duration) => {
      const ms = waitMs(duration);
      expect(Number.isSafeInteger(ms) && ms >= 0 && ms <= 36_525 * DAY).toBe(true);
    }),
  );
});

test('every number reads as a moment', () => {
  expect(isoOf(0)).toBe('1970-01-01T00:00:00.000Z');
  fc.assert(
    fc.property(fc.double(), (ms) => {
      expect(isoOf(ms)).toMatch(/Z$/);
    }),
  );
});
