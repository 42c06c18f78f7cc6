import { DAY, SECOND } from '../../platform/index.ts';

/** A period in which the clocks of a zone are ahead of UTC by the same number of milliseconds. */
export interface OffsetPeriod {
  readonly offsetMs: number;
  /** When the period began, if within the last {@link LOOK_BACK_MS}, and by how much the clocks were ahead before. */
  readonly changed?: { readonly atMs: number; readonly fromMs: number };
}

/** Longer than any time that a change of the clocks skips or repeats: some zones have skipped a whole day. */
const LOOK_BACK_MS = DAY + DAY / 2;

/** The clocks of a time zone. All moments are milliseconds since 1970. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;

  /** Opens a zone by its IANA name. @throws RangeError when there is no such zone */
  constructor(timeZone: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch {
      throw new RangeError(`'${timeZone}' is not a time zone; write one like 'Europe/Berlin' or 'UTC'`);
    }
  }

  /** Returns the period of a moment. */
  periodOf(atMs: number): OffsetPeriod {
    const changed = this.#changeIn(atMs - LOOK_BACK_MS, atMs);
    return { offsetMs: this.#offsetMs(atMs), ...(changed === undefined ? {} : { changed }) };
  }

  /** Returns the first moment in (`fromMs`, `toMs`] at which the clocks change; undefined if they do not. */
  changeIn(fromMs: number, toMs: number): number | undefined {
    // Two changes within a day that cancel each other out are not found. No zone ever had them.
    for (let atMs = fromMs; atMs < toMs; atMs += DAY) {
      const found = this.#changeIn(atMs, Math.min(atMs + DAY, toMs));
      if (found) return found.atMs;
    }
    return undefined;
  }

  #changeIn(fromMs: number, toMs: number): OffsetPeriod['changed'] {
    const before = this.#offsetMs(fromMs);
    if (before === this.#offsetMs(toMs)) return undefined;
    let low = fromMs;
    let high = toMs;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetMs(middle) === before) low = middle;
      else high = middle;
    }
    return { atMs: high, fromMs: before };
  }

  #offsetMs(atMs: number): number {
    const wholeMs = Math.floor(atMs / SECOND) * SECOND;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(wholeMs)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
  }
}
