import type { Duration } from '../../platform/index.ts';
import type { WriteContext } from '../contexts.ts';
import type { Timing } from './timing.ts';

/** Identifies a run of a schedule. */
export interface ScheduleInfo {
  readonly name: string;
  /** The moment the run is for, by the clock of the database. It takes place then or later, and once for each occurrence. */
  readonly due: Date;
}

/** Work that a service does at certain times. */
export interface Schedule<C, T> {
  readonly name: string;
  readonly timing: Timing;
  readonly run: ScheduleRun<C, T>;
}

type ScheduleRun<C, T> = (ctx: WriteContext<C, T> & { readonly schedule: ScheduleInfo }) => Promise<void> | void;

/** Declares a schedule with a fixed interval: `every('30s', 'release holds', async ({ db }) => …)`. */
export type Every<C, T> = (every: Duration, name: string, run: ScheduleRun<C, T>) => Schedule<C, T>;

/** Declares a schedule by a cron pattern of five fields; `timezone` is an IANA name (default `UTC`). */
export type CronSchedule<C, T> = (
  pattern: string,
  name: string,
  run: ScheduleRun<C, T>,
  o?: { readonly timezone?: string },
) => Schedule<C, T>;
