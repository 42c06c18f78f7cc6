/** A length of time in options that a user writes. Inside the framework it is always a number of milliseconds with `Ms` in its name. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };
/** A hundred years. A longer time is a mistake, and neither a date nor a store may be able to hold the moment at its end. */
const LONGEST_MS = 36_525 * DAY;
/** The last moment that a date can hold, in milliseconds since 1970. The first one lies as far before 1970. */
export const LAST_DATE_MS = 8_640_000_000_000_000;
const SHOWN_MAX = 100;

/** The bounds of a duration, both included. */
export interface DurationRange {
  readonly least?: Duration;
  readonly most?: Duration;
}

/**
 * Converts a duration such as `'250ms'`, `'1.5s'` or `'15m'` to whole milliseconds: no store keeps fractions.
 * @throws RangeError when the text is not a duration, is longer than a hundred years, or is out of its range
 */
export function durationMs(duration: Duration, { least, most }: DurationRange = {}): number {
  const ms = parsedMs(duration);
  if (ms > LONGEST_MS) throw new RangeError(`${shown(duration)} is longer than the longest duration, a hundred years ('36525d')`);
  if (least !== undefined && ms < parsedMs(least)) throw new RangeError(`${shown(duration)} is shorter than '${least}'`);
  if (most !== undefined && ms > parsedMs(most)) throw new RangeError(`${shown(duration)} is longer than '${most}'`);
  return ms;
}

/**
 * Converts the duration of a wait that an event or an operator ends. More than a hundred years count as a hundred years.
 * @throws RangeError when the text is not a duration
 */
export const waitMs = (duration: Duration): number => Math.min(parsedMs(duration), LONGEST_MS);

function parsedMs(duration: Duration): number {
  const match = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : undefined;
  if (!match) throw new RangeError(`${shown(duration)} is not a duration: write a number and ms, s, m, h or d, such as '30s'`);
  return Math.round(Number(match[1]) * (UNITS[match[2] as string] as number));
}

/** Quotes a given value for an error. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : String(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

/** Writes a moment as ISO 8601 in UTC. A moment that no date can hold is written as the last one that a date can: a list must not fail for one row. */
export const isoOf = (ms: number): string =>
  new Date(Number.isNaN(ms) ? 0 : Math.max(-LAST_DATE_MS, Math.min(LAST_DATE_MS, ms))).toISOString();
