import type { In, Operations, Out } from '../contract/index.ts';
import type { Uses } from '../rpc/index.ts';
import type { Saga } from '../saga/index.ts';
import type { EffectContext, ReadContext, ReadDb, WriteContext } from './contexts.ts';
import type { Effect } from './effects/effect.ts';
import type { CronSchedule, Every, Schedule } from './schedules/schedule.ts';
import type { On, Reaction } from './subscriptions/reaction.ts';

/** A command in two parts: `prepare` reads anywhere, `run` then writes in one transaction. Only `run` is repeated when the transaction must be. */
export interface Prepared<I, R, RC, WC, P> {
  readonly prepare: (input: I, ctx: RC) => Promise<P> | P;
  readonly run: (input: I, ctx: WC, prepared: P) => Promise<R> | R;
}

/**
 * Declares a command that calls other services before its transaction begins.
 * @example
 * ```ts
 * import { command, contract, prepared, query, service, sql, use } from 'ramet';
 * import { z } from 'zod';
 *
 * const Sku = z.object({ sku: z.string() });
 * const Catalog = contract('catalog', { queries: { price: query({ input: Sku, output: z.object({ cents: z.int() }) }) } });
 * const Carts = contract('carts', { commands: { add: command({ input: Sku }) } });
 * interface Tables {
 *   lines: { sku: string; cents: number };
 * }
 *
 * export default service(Carts, {
 *   store: sql<Tables>({ migrations: { '0001_lines': 'create table lines (sku text not null, cents integer not null)' } }),
 *   uses: { catalog: use(Catalog) },
 * }).implement({
 *   commands: {
 *     add: prepared({
 *       prepare: ({ sku }, { use: { catalog } }) => catalog.price({ sku }),
 *       async run({ sku }, { db }, { cents }) {
 *         await db.insertInto('lines').values({ sku, cents }).execute();
 *       },
 *     }),
 *   },
 * });
 * ```
 */
export const prepared = <I, R, RC, WC, P>(d: Prepared<I, R, RC, WC, P>): Prepared<I, R, RC, WC, P> => d;

/** A command as a service implements it: one function, {@link Prepared} or {@link Effect}. */
export type CommandHandler<C, T, U extends Uses, O> = O extends { input: infer I; output: infer R }
  ?
      | ((input: Out<I>, ctx: WriteContext<C, T, O>) => Promise<In<R>> | In<R>)
      | Prepared<Out<I>, In<R>, ReadContext<T, U, O>, WriteContext<C, T, O>, any>
      | Effect<Out<I>, In<R>, WriteContext<C, T, O>, EffectContext<U, O>, any, any>
  : never;

/** A query or a stream as a service implements it. */
export type QueryHandler<T, U extends Uses, O> = O extends { kind: 'stream'; input: infer I; output: infer R }
  ? (input: Out<I>, ctx: ReadContext<T, U, O>) => AsyncIterable<In<R>>
  : O extends { input: infer I; output: infer R }
    ? (input: Out<I>, ctx: ReadContext<T, U, O>) => Promise<In<R>> | In<R>
    : never;

/** A number read from the service's tables, as `active_orders_total`. */
export interface GaugeDefinition<T> {
  readonly description: string;
  readonly read: (ctx: { readonly db: ReadDb<T> }) => Promise<number> | number;
}

/** What `service(…).implement` takes: a handler for each operation of the contract, and what the service does on its own. */
export type Handlers<C, K extends Operations, Q extends Operations, T, U extends Uses> = ({} extends K
  ? {}
  : { commands: { [P in keyof K]: CommandHandler<C, T, U, K[P]> } }) &
  ({} extends Q ? {} : { queries: { [P in keyof Q]: QueryHandler<T, U, Q[P]> } }) & {
    /** Handles events, its own and those of other services: `(on) => [on(Stock.events.Sold, async ({ sku }, ctx) => …)]`. */
    reactions?: (on: On<C, T>) => Reaction<C, T>[];
    /** Runs at certain times, each run in one transaction: `every('30s', 'name', run)`, `cron('0 3 * * *', 'name', run, { timezone })`. */
    schedules?: (every: Every<C, T>, cron: CronSchedule<C, T>) => Schedule<C, T>[];
    /** Reads numbers of the business whenever metrics are collected. */
    gauges?: Record<string, GaugeDefinition<T>>;
    /** The sagas that `ctx.start` may start. */
    sagas?: Saga<any, any>[];
  };
