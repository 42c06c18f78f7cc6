import type { Contract } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { Uses } from '../rpc/index.ts';
import type { Saga } from '../saga/index.ts';
import type { Migrations } from '../store/index.ts';
import type { Effect } from './effects/effect.ts';
import type { GaugeDefinition, Prepared } from './handlers.ts';
import type { Schedule } from './schedules/schedule.ts';
import type { Reaction } from './subscriptions/reaction.ts';

/** The tables of a service, and where its migrations are: a folder (`new URL('./migrations/', import.meta.url)`) or a record of name and SQL. */
export interface SqlStore<T> {
  readonly migrations: Migrations;
  readonly _?: T;
}

/** A service as the runtime takes it: what `service(…).implement(…)` returns. */
export interface ServiceDefinition {
  readonly contract: Contract<any, any, any, any>;
  readonly store: SqlStore<any> | undefined;
  readonly uses: Uses;
  readonly commands: Readonly<Record<string, CommandImplementation>>;
  readonly queries: Readonly<Record<string, (input: any, ctx: any) => any>>;
  readonly reactions: readonly Reaction<any, any>[];
  readonly schedules: readonly Schedule<any, any>[];
  readonly gauges: Readonly<Record<string, GaugeDefinition<any>>>;
  readonly sagas: readonly Saga[];
  /** How long sagas are kept after their end (default 90 days). */
  readonly keepSagas?: Duration | 'forever' | undefined;
}

/** Any of the three forms of a command, without its types. */
export type CommandImplementation =
  | ((input: any, ctx: any) => any)
  | Prepared<any, any, any, any, any>
  | Effect<any, any, any, any, any, any>;
