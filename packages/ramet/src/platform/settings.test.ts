import { expect, test } from 'vitest';
import { Settings } from './settings.ts';

test('every problem is reported with the given value, and the other settings are read', () => {
  const settings = new Settings('bus: ');
  expect(settings.duration('keep', '2d', 1)).toBe(172_800_000);
  expect(settings.duration('lease', undefined, 15_000)).toBe(15_000);
  expect(settings.duration('lease', '5 sec' as '5s', 15_000)).toBe(15_000);
  for (const value of [-1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 101, 2 ** 53, '5' as unknown as number])
    expect(settings.count('partitions', value, 6, 1, 100)).toBe(6);
  expect(settings.count('partitions', 7, 6, 1, 100)).toBe(7);
  for (const value of [0, 1.1, Number.NaN]) expect(settings.share('rate', value, 0.5)).toBe(0.5);
  expect(settings.share('rate', 1, 0.5)).toBe(1);
  expect(settings.word('poison', 'nope' as 'skip', ['park-key', 'skip'])).toBe('park-key');
  expect(settings.problems).toEqual([
    "bus: lease: '5 sec' is not a duration: write a number and ms, s, m, h or d, such as '30s'",
    ...['-1', '0', '1.5', 'NaN', 'Infinity', '101', '9007199254740992', "'5'"].map(
      (value) => `bus: partitions: ${value} is not a whole number from 1 to 100`,
    ),
    ...['0', '1.1', 'NaN'].map((value) => `bus: rate: ${value} is not a share: write a number above 0 and up to 1, such as 0.5`),
    "bus: poison: 'nope' is not one of 'park-key', 'skip'",
  ]);
  expect(() => settings.check()).toThrow(/'5 sec'.*'nope'/);
  expect(() => new Settings().check()).not.toThrow();
});
