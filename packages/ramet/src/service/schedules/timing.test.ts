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
  test('that the clocks skip in spring is due an hour later on that day, and only once', () => {
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

describe('wherever and whenever clocks are changed, a pattern is due as the slow look at every minute says', () => {
  const MINUTE = 60_000;
  const DAY = 24 * 60 * MINUTE;
  const wallClock = (timeZone: string) => {
    const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    return (ms: number) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`);
  };
  /** Minute, hour, day and day of the week as sets; `*` for a day does not restrict. */
  const values = (field: string, from: number, to: number) => {
    const [range = '', step = '1'] = field.split('/');
    const [low, high] = range === '*' ? [from, to] : (range.split('-').map(Number) as [number, number?]);
    return new Set(
      Array.from({ length: to + 1 }, (_, i) => i).filter((i) => i >= low && i <= (high ?? low) && (i - low) % Number(step) === 0),
    );
  };
  const matcher = (pattern: string) => {
    const [minute = '', hour = '', day = '', , weekday = ''] = pattern.split(' ');
    const [minutes, hours, days, weekdays] = [values(minute, 0, 59), values(hour, 0, 23), values(day, 1, 31), values(weekday, 0, 6)];
    return (shown: number) => {
      const at = new Date(shown);
      return minutes.has(at.getUTCMinutes()) && hours.has(at.getUTCHours()) && days.has(at.getUTCDate()) && weekdays.has(at.getUTCDay());
    };
  };
  /** What each minute of the wall clock means: the first moment that shows it, or, for a skipped time, as long after the change. */
  const moments = (zone: string, from: number, to: number) => {
    const shownAt = wallClock(zone);
    const means = new Map<number, number>();
    for (let at = from, last = shownAt(from) - MINUTE; at <= to; at += MINUTE) {
      const shown = shownAt(at);
      for (let left = last + MINUTE; left < shown; left += MINUTE) if (!means.has(left)) means.set(left, at + (left - last - MINUTE));
      if (!means.has(shown)) means.set(shown, at);
      last = shown;
    }
    return [...means];
  };
  const changesOf = (zone: string, year: number) => {
    const shownAt = wallClock(zone);
    const hours = Array.from({ length: 366 * 24 }, (_, i) => Date.UTC(year, 0, 1) + i * 60 * MINUTE);
    return hours.filter((at) => shownAt(at) - at !== shownAt(at - 60 * MINUTE) - (at - 60 * MINUTE));
  };
  const patterns = [
    '30 2 * * *',
    '*/5 * * * *',
    '45 1-2 * * *',
    '*/20 1-3 * * *',
    '0 * * * *',
    '7 0 * * 1-5',
    '30 0 * * *',
    '59 23 * * 6',
    '0 12 * * 5',
  ];

  test.each([
    ['Europe/Berlin', 2026],
    ['America/New_York', 2007],
    ['Australia/Lord_Howe', 2026],
    ['America/Santiago', 2019],
    ['Africa/Cairo', 2014],
    ['Africa/Casablanca', 2026],
    ['Pacific/Chatham', 2031],
    ['Pacific/Apia', 2011],
    ['Asia/Pyongyang', 2018],
    ['America/Caracas', 2016],
    ['Antarctica/Troll', 2026],
  ])('%s %i', (zone, year) => {
    const changes = changesOf(zone, year);
    expect(changes.length).toBeGreaterThan(0);
    for (const change of changes) {
      const minutes = moments(zone, change - 2 * DAY, change + 3 * DAY);
      for (const pattern of patterns) {
        const timing = compileTiming({ cron: pattern, timezone: zone });
        const matches = matcher(pattern);
        const due = minutes.flatMap(([shown, at]) => (matches(shown) ? [at] : [])).sort((a, b) => a - b);
        fc.assert(
          fc.property(fc.integer({ min: change - 6 * 60 * MINUTE, max: change + 27 * 60 * MINUTE }), (now) => {
            const expected = due.find((at) => at > now);
            if (expected !== undefined) expect(says(timing.next(now, now))).toBe(says(expected));
          }),
          { numRuns: 25 },
        );
      }
    }
  });
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
  [{ every: 'soon' as '1s' }, /not a duration/],
] as const)('%j is refused', (timing, why) => {
  expect(() => compileTiming(timing)).toThrow(why);
});
