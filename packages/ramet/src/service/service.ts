import type { Contract, EventDeclaration, Operations } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { Uses } from '../rpc/index.ts';
import type { ServiceDefinition, SqlStore } from './definition.ts';
import type { Handlers } from './handlers.ts';
import type { CronSchedule, Every, Schedule } from './schedules/schedule.ts';
import type { Reaction, ReactionOptions } from './subscriptions/reaction.ts';

/**
 * Declares the store of a service: its tables (as Kysely types) and its migrations.
 * @example
 * ```ts
 * import { sql } from 'ramet';
 *
 * interface Tables {
 *   orders: { id: string; state: 'placed' | 'shipped' };
 * }
 * export const store = sql<Tables>({
 *   migrations: { '0001_orders': 'create table orders (id text primary key, state text not null)' },
 * });
 * ```
 */
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

/**
 * Declares a service: its contract, its own store, and the services that it calls. `implement` takes a handler for each operation.
 * @example
 * ```ts
 * import { command, contract, event, query, service, sql } from 'ramet';
 * import { z } from 'zod';
 *
 * const Order = z.object({ orderId: z.string() });
 * const Orders = contract('orders', {
 *   commands: { place: command({ input: Order }) },
 *   queries: { count: query({ input: z.object({}), output: z.int() }) },
 *   events: { OrderPlaced: event(Order, { key: 'orderId' }) },
 * });
 * interface Tables {
 *   orders: { id: string };
 * }
 *
 * export default service(Orders, {
 *   store: sql<Tables>({ migrations: { '0001_orders': 'create table orders (id text primary key)' } }),
 * }).implement({
 *   commands: {
 *     async place({ orderId }, { db, emit }) {
 *       await db.insertInto('orders').values({ id: orderId }).execute();
 *       emit.OrderPlaced({ orderId });
 *     },
 *   },
 *   queries: { count: async (_, { db }) => (await db.selectFrom('orders').selectAll().execute()).length },
 * });
 * ```
 */
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
    /** How long sagas are kept after their end, with their steps and logs: at least 30 days (default 90 days), or 'forever'. */
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
