import { Cron } from 'croner';
import { DAY, type Duration, durationMs, LAST_DATE_MS, SECOND } from '../../platform/index.ts';
import { type OffsetPeriod, Zone } from './zone.ts';

/** When a schedule is due: at an interval, or by a cron pattern in a time zone. */
export type Timing = { readonly every: Duration } | { readonly cron: string; readonly timezone: string };

/** A timing that can say when it is due. */
export interface CompiledTiming {
  /** Equal for equal timings: a schedule whose spec has changed starts again. */
  readonly spec: string;
  /**
   * Returns the first occurrence after `nowMs`, if `dueMs` is an occurrence. Those between the two were missed, and one run stands
   * for all. All times are milliseconds since 1970.
   */
  next(dueMs: number, nowMs: number): number;
}

/** The end of the search for occurrences: the last moment of a date, less a day for the time zone. */
const LAST_MS = LAST_DATE_MS - DAY;

/**
 * Compiles a timing. Cron patterns have five fields and apply in their time zone. If the clocks skip a time of day, it is due
 * later by as much as the clocks jump. If a time of day occurs twice, it is due the first time only. Nothing here reads a clock or
 * starts a timer.
 * @throws RangeError when the duration is invalid or shorter than a second, or when the pattern or the time zone is invalid
 */
export function compileTiming(timing: Timing): CompiledTiming {
  return 'every' in timing ? everyTiming(timing.every) : cronTiming(timing.cron, timing.timezone);
}

function everyTiming(every: Duration): CompiledTiming {
  const everyMs = durationMs(every);
  if (everyMs < SECOND) throw new RangeError(`'${every}' is shorter than a second`);
  // The interval is kept, however late a run was.
  return { spec: `every ${every}`, next: (dueMs, nowMs) => dueMs + (Math.max(0, Math.floor((nowMs - dueMs) / everyMs)) + 1) * everyMs };
}

function cronTiming(pattern: string, timezone: string): CompiledTiming {
  const zone = new Zone(timezone);
  const cron = parsed(pattern);
  /** Returns the first time of day after another one; both are wall-clock times, written as if they were UTC. */
  const shownAfter = (shownMs: number) => cron.nextRun(new Date(shownMs))?.getTime() ?? LAST_DATE_MS;
  if (shownAfter(0) === LAST_DATE_MS) throw new RangeError(`'${pattern}' is never due`);
  return {
    spec: `cron ${pattern} ${timezone}`,
    next(dueMs, nowMs) {
      let afterMs = Math.max(dueMs, nowMs);
      for (let fromMs = afterMs; ; ) {
        const nextMs = dueIn(zone.periodOf(fromMs), afterMs, shownAfter);
        if (nextMs >= LAST_MS) return LAST_DATE_MS;
        const changeMs = zone.changeIn(fromMs, nextMs);
        if (changeMs === undefined) return nextMs;
        fromMs = changeMs;
        afterMs = changeMs - 1;
      }
    },
  };
}

/**
 * Returns the first occurrence after a moment, as if the clocks never changed again. A time of day that the clocks showed before
 * the last change is not due again. A time that the change skipped is due as if the clocks had not changed yet.
 */
function dueIn({ offsetMs, changed }: OffsetPeriod, afterMs: number, shownAfter: (shownMs: number) => number): number {
  const unshownMs = changed ? changed.atMs + changed.fromMs : Number.NEGATIVE_INFINITY;
  const nextMs = shownAfter(Math.max(afterMs + offsetMs, unshownMs - 1)) - offsetMs;
  if (!changed || changed.fromMs >= offsetMs) return nextMs;
  const leftOutMs = shownAfter(Math.max(afterMs + changed.fromMs, unshownMs - 1));
  const shownAgainMs = changed.atMs + offsetMs;
  return leftOutMs < shownAgainMs ? Math.min(nextMs, leftOutMs - changed.fromMs) : nextMs;
}

/** Parses a pattern. Only the calendar of the library is used, in UTC: this file decides what happens when clocks change. */
function parsed(pattern: string): Cron {
  try {
    // Without a function it starts no timers, and with a given moment it reads no clock.
    return new Cron(pattern, { timezone: 'UTC', mode: '5-part', paused: true });
  } catch (error) {
    const detail = (error as Error).message.replace(/^CronPattern: /, '');
    throw new RangeError(
      `'${pattern}' is not a cron pattern; write minute, hour, day, month and day of the week, as in '0 3 * * *' (${detail})`,
    );
  }
}
