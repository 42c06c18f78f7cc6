import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileTiming } from './timing.ts';

const at = (text: string): number => Date.parse(text);
const says = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

/** The occurrences that follow one another when each is run at once. */
function occurrences(cron: string, timezone: string, from: string, count: number): string[] {
  const timing = compileTiming({ cron, timezone });
  const found: number[] = [at(from)];
  for (let i = 0; i < count; i++) found.push(timing.next(found.at(-1) as number, found.at(-1) as number));
  return found.slice(1).map(says);
}

describe('a daily time where clocks are changed (Berlin)', () => {
  test('that the spring leaves out comes an hour later on that day, and only once', () => {
    expect(occurrences('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 4)).toEqual([
      '2026-03-28T01:30:00Z',
      '2026-03-29T01:30:00Z',
      '2026-03-30T00:30:00Z',
      '2026-03-31T00:30:00Z',
    ]);
  });

  test('that comes twice in autumn is due the first time only', () => {
    expect(occurrences('30 2 * * *', 'Europe/Berlin', '2026-10-23T12:00:00Z', 4)).toEqual([
      '2026-10-24T00:30:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00Z',
      '2026-10-27T01:30:00Z',
    ]);
  });

  test('stays at the same time by the clock on the wall', () => {
    expect(occurrences('0 3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00:00Z', '2026-03-30T01:00:00Z']);
  });
});

test('asked within the hour that comes twice, a pattern never names a moment that is past', () => {
  const timing = compileTiming({ cron: '*/15 * * * *', timezone: 'Europe/Berlin' });
  expect(says(timing.next(at('2026-10-25T00:45:00Z'), at('2026-10-25T01:10:00Z')))).toBe('2026-10-25T02:00:00Z');
});

test('an occurrence is always behind now, whatever the zone, and no other one lies between', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/Sao_Paulo'];
  const patterns = ['*/7 * * * *', '0 3 * * *', '30 2 * * 0', '0 0 29 2 *', '15 1 1 * *'];
  const moment = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') });
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...patterns),
      moment,
      fc.integer({ min: 0, max: 10 ** 9 }),
      (timezone, cron, due, late) => {
        const timing = compileTiming({ cron, timezone });
        const next = timing.next(due, due + late);
        expect(next).toBeGreaterThan(due + late);
        // Asked in between, it is the same one.
        expect(timing.next(due, due + late + Math.floor((next - due - late - 1) / 2))).toBe(next);
      },
    ),
    { numRuns: 200 },
  );
});

test('an interval keeps its beat, however late a run was', () => {
  const timing = compileTiming({ every: '30s' });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), (due, late) => {
      const next = timing.next(due, due + late);
      expect((next - due) % 30_000).toBe(0);
      expect(next).toBeGreaterThan(Math.max(due, due + late));
      expect(next - Math.max(due, due + late)).toBeLessThanOrEqual(30_000);
    }),
  );
});

test.each([
  [{ cron: '0 3 * * *', timezone: 'Mars/Olympus' }, /Mars\/Olympus/],
  [{ cron: '61 3 * * *', timezone: 'UTC' }, /minute/],
  [{ cron: '*/10 * * * * *', timezone: 'UTC' }, /5/],
  [{ cron: '0 0 30 2 *', timezone: 'UTC' }, /never due/],
  [{ every: '500ms' }, /shorter than a second/],
  [{ every: 'soon' as '1s' }, /no duration/],
] as const)('%j is refused', (timing, why) => {
  expect(() => compileTiming(timing)).toThrow(why);
});
