import type { Contract, EventDeclaration, Operations } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { Uses } from '../rpc/index.ts';
import type { ServiceDefinition, SqlStore } from './definition.ts';
import type { Handlers } from './handlers.ts';
import type { CronSchedule, Every, Schedule } from './schedules/schedule.ts';
import type { Reaction, ReactionOptions } from './subscriptions/reaction.ts';

/** Names the tables of a service (as Kysely types) and its migrations. */
export const sql = <T>(d: { migrations: SqlStore<T>['migrations'] }): SqlStore<T> => d;

const reaction = (
  event: Reaction<any, any>['event'],
  run: Reaction<any, any>['run'],
  options: ReactionOptions = {},
): Reaction<any, any> => ({
  ...options,
  event,
  run,
});

const every: Every<any, any> = (duration, name, run) => ({ name, timing: { every: duration }, run });
const cron: CronSchedule<any, any> = (pattern, name, run, { timezone = 'UTC' } = {}) => ({
  name,
  timing: { cron: pattern, timezone },
  run,
});

/** Declares a service: its contract, its own store, and what it calls. `implement` says how it keeps its promises. */
export function service<
  N extends string,
  K extends Operations,
  Q extends Operations,
  E extends Record<string, EventDeclaration>,
  T = {},
  const U extends Uses = {},
>(
  contract: Contract<N, K, Q, E>,
  declared: {
    store?: SqlStore<T>;
    uses?: U;
    /** How long sagas are kept after their end, with their steps and logs: at least 30 days (default 90 days). */
    keepSagas?: Duration | 'forever';
  } = {},
): { implement(handlers: Handlers<Contract<N, K, Q, E>, K, Q, T, U>): ServiceDefinition } {
  return {
    implement(handlers) {
      const given = handlers as {
        commands?: object;
        queries?: object;
        reactions?: (on: unknown) => Reaction<any, any>[];
        schedules?: (every: unknown, cron: unknown) => Schedule<any, any>[];
        gauges?: ServiceDefinition['gauges'];
        sagas?: ServiceDefinition['sagas'];
      };
      return {
        contract,
        store: declared.store,
        uses: declared.uses ?? {},
        commands: (given.commands ?? {}) as ServiceDefinition['commands'],
        queries: (given.queries ?? {}) as ServiceDefinition['queries'],
        reactions: given.reactions?.(reaction) ?? [],
        schedules: given.schedules?.(every, cron) ?? [],
        gauges: given.gauges ?? {},
        sagas: given.sagas ?? [],
        keepSagas: declared.keepSagas,
      };
    },
  };
}
