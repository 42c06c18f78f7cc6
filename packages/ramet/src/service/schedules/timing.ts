import { Cron } from 'croner';
import { DAY, type Duration, durationMs, LAST_DATE_MS, SECOND } from '../../platform/index.ts';
import { type Span, Zone } from './zone.ts';

/** When a schedule is due. */
export type Timing = { readonly every: Duration } | { readonly cron: string; readonly timezone: string };

export interface CompiledTiming {
  /** Says the same for the same timing: a schedule whose spec has changed begins anew. */
  readonly spec: string;
  /**
   * The first occurrence behind `nowMs`, when `dueMs` is one. Those between the two were missed, and one run stands for all.
   * All in milliseconds since 1970.
   */
  next(dueMs: number, nowMs: number): number;
}

/** Occurrences are looked for up to here; the last moment less a day for the time zone. */
const LAST_MS = LAST_DATE_MS - DAY;

/**
 * Makes a timing ready. Cron patterns have five fields and are read in their time zone: a time of day that a change of the
 * clocks leaves out comes as much later as the clocks jump, and one that comes twice is due the first time only.
 * Nothing here looks at a clock or starts a timer.
 * @throws RangeError when the duration is none or shorter than a second, and when pattern or time zone are none
 */
export function compileTiming(timing: Timing): CompiledTiming {
  return 'every' in timing ? everyTiming(timing.every) : cronTiming(timing.cron, timing.timezone);
}

function everyTiming(every: Duration): CompiledTiming {
  const everyMs = durationMs(every);
  if (everyMs < SECOND) throw new RangeError(`'${every}' is shorter than a second`);
  // The beat is kept, however late a run was.
  return { spec: `every ${every}`, next: (dueMs, nowMs) => dueMs + (Math.max(0, Math.floor((nowMs - dueMs) / everyMs)) + 1) * everyMs };
}

function cronTiming(pattern: string, timezone: string): CompiledTiming {
  const zone = new Zone(timezone);
  const cron = parsed(pattern);
  /** The first time of day after one, both as the wall clock shows them, written as if they were UTC. */
  const shownAfter = (shownMs: number) => cron.nextRun(new Date(shownMs))?.getTime() ?? LAST_DATE_MS;
  if (shownAfter(0) === LAST_DATE_MS) throw new RangeError(`'${pattern}' is never due`);
  return {
    spec: `cron ${pattern} ${timezone}`,
    next(dueMs, nowMs) {
      let afterMs = Math.max(dueMs, nowMs);
      for (let fromMs = afterMs; ; ) {
        const nextMs = dueIn(zone.spanOf(fromMs), afterMs, shownAfter);
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
 * The first occurrence behind a moment, were the clocks not changed any more. A time of day that was shown before the last
 * change is not due again; one that the change has left out is due as if the clocks had not been changed yet.
 */
function dueIn({ offsetMs, changed }: Span, afterMs: number, shownAfter: (shownMs: number) => number): number {
  const unshownMs = changed ? changed.atMs + changed.fromMs : Number.NEGATIVE_INFINITY;
  const nextMs = shownAfter(Math.max(afterMs + offsetMs, unshownMs - 1)) - offsetMs;
  if (!changed || changed.fromMs >= offsetMs) return nextMs;
  const leftOutMs = shownAfter(Math.max(afterMs + changed.fromMs, unshownMs - 1));
  const shownAgainMs = changed.atMs + offsetMs;
  return leftOutMs < shownAgainMs ? Math.min(nextMs, leftOutMs - changed.fromMs) : nextMs;
}

/** Only its calendar is used, in UTC: what happens when clocks are changed is ours to say. */
function parsed(pattern: string): Cron {
  try {
    // Without a function it starts no timers; it is always given the moment to begin at, so it looks at no clock.
    return new Cron(pattern, { timezone: 'UTC', mode: '5-part', paused: true });
  } catch (error) {
    const detail = (error as Error).message.replace(/^CronPattern: /, '');
    throw new RangeError(`'${pattern}' is no pattern of cron: minute, hour, day, month, day of the week, as in '0 3 * * *' (${detail})`);
  }
}
