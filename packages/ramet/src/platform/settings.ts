import { type Duration, type DurationRange, durationMs, shown } from './duration.ts';
import { unknownNames } from './names.ts';

/**
 * Reads options and collects every problem with them, each with the name of the option and the given value: boot reports all
 * problems at once.
 */
export class Settings {
  readonly problems: string[] = [];
  readonly #where: string;

  /** @param where stands before each problem, as `kafka: ` */
  constructor(where = '') {
    this.#where = where;
  }

  /** Reads a duration, in milliseconds; `otherwiseMs` where it is absent or wrong. */
  duration(name: string, value: Duration | undefined, otherwiseMs: number, range: DurationRange = {}): number {
    if (value === undefined) return otherwiseMs;
    try {
      return durationMs(value, range);
    } catch (error) {
      this.report(`${name}: ${(error as Error).message}`);
      return otherwiseMs;
    }
  }

  /** Reads a whole number between `least` and `most`; `otherwise` where it is absent or wrong. */
  count(name: string, value: number | undefined, otherwise: number, least: number, most: number): number {
    if (value === undefined) return otherwise;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    this.report(`${name}: ${shown(value)} is not a whole number from ${least} to ${most}`);
    return otherwise;
  }

  /** Reads a number above 0 and up to 1; `otherwise` where it is absent or wrong. */
  share(name: string, value: number | undefined, otherwise: number): number {
    if (value === undefined) return otherwise;
    if (typeof value === 'number' && value > 0 && value <= 1) return value;
    this.report(`${name}: ${shown(value)} is not a share: write a number above 0 and up to 1, such as 0.5`);
    return otherwise;
  }

  /** Reads one of several words; the first where it is absent or wrong. */
  word<W extends string>(name: string, value: W | undefined, words: readonly [W, ...W[]]): W {
    if (value === undefined || words.includes(value)) return value ?? words[0];
    this.report(`${name}: ${shown(value)} is not one of ${words.map((word) => `'${word}'`).join(', ')}`);
    return words[0];
  }

  /** Reports the fields of `given` that are none of the known names. @param place stands before each, as `limits: ` */
  names(given: unknown, known: Readonly<Record<string, true>>, place = ''): void {
    for (const problem of unknownNames(given, known)) this.report(place + problem);
  }

  report(problem: string): void {
    this.problems.push(this.#where + problem);
  }

  /** @throws RangeError that names every problem */
  check(): void {
    if (this.problems.length > 0) throw new RangeError(this.problems.join('; '));
  }
}
