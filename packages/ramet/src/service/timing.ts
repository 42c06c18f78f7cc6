import { Cron } from 'croner';
import { type Duration, durationMs, MINUTE, SECOND } from '../platform/index.ts';

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

/** Longer than the longest span that a change of the clocks makes come twice. */
const LOOKED_AT_MINUTES = 181;
/** The last moment that a date can say. */
const NEVER_MS = 8_640_000_000_000_000;

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
  const cron = parsed(pattern, timezone);
  const after = (ms: number) => cron.nextRun(new Date(ms))?.getTime();
  if (after(0) === undefined) throw new RangeError(`'${pattern}' is never due`);
  return {
    spec: `cron ${pattern} ${timezone}`,
    next(dueMs, nowMs) {
      const afterMs = Math.max(dueMs, nowMs);
      // In the second pass of an hour that comes twice the library answers with moments of the first: look from behind it.
      for (let minutes = 0; minutes < LOOKED_AT_MINUTES; minutes++) {
        const nextMs = after(afterMs + minutes * MINUTE);
        if (nextMs !== undefined && nextMs > afterMs) return nextMs;
      }
      return NEVER_MS;
    },
  };
}

function parsed(pattern: string, timezone: string): Cron {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    throw new RangeError(`'${timezone}' is no time zone; name one as 'Europe/Berlin' or 'UTC'`);
  }
  try {
    // Without a function it starts no timers; it is always given the moment to begin at, so it looks at no clock.
    return new Cron(pattern, { timezone, mode: '5-part', paused: true });
  } catch (error) {
    const detail = (error as Error).message.replace(/^CronPattern: /, '');
    throw new RangeError(`'${pattern}' is no pattern of cron: minute, hour, day, month, day of the week, as in '0 3 * * *' (${detail})`);
  }
}
