/** A length of time at the face of the framework; inside it is always a number of milliseconds with `Ms` in its name. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/**
 * Milliseconds of a duration such as `'250ms'`, `'1.5s'` or `'15m'`.
 * @throws RangeError when the text is no duration
 */
export function durationMs(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration);
  if (!match) throw new RangeError(`'${duration}' is no duration: write a number and ms, s, m, h or d, as in '30s'`);
  return Number(match[1]) * (UNITS[match[2] as string] as number);
}
