import type { Schema } from '../../contract/index.ts';
import type { RametError } from '../../errors/index.ts';
import type { Duration } from '../../platform/index.ts';

/**
 * A command that acts on an external system, between two transactions: `intend` records the intent, `perform` acts (at least
 * once, always with the same key), `record` writes the outcome.
 */
export interface Effect<I, R, WC, EC, Request, Outcome> {
  /** The shape of what `intend` returns; it is stored before `perform` runs. */
  readonly request: Schema<any, Request>;
  /** The shape of what `perform` and `lookup` return. */
  readonly outcome: Schema<any, Outcome>;
  /** Writes the intent in the first transaction, and returns the request to the other system. */
  intend(input: I, ctx: WC): Promise<Request> | Request;
  /** Acts on the other system. Throw a declared failure if it certainly refused; after any other error the outcome counts as unknown. */
  perform(request: Request, ctx: EC): Promise<Outcome>;
  /** Finds out what happened under the key; undefined if the other system does not know it. */
  lookup?(request: Request, ctx: EC): Promise<Outcome | undefined>;
  /** How long after an attempt the other system may still act on it (default 10s). */
  readonly quiet?: Duration;
  /** Writes the outcome in the second transaction, and returns the answer of the command. */
  record(outcome: Outcome, ctx: WC, request: Request): Promise<R> | R;
  /**
   * Runs when the other system is unreachable for now (`Unavailable`, `CircuitOpen`, `BulkheadFull`), so you can tell the
   * customer. Each process that works on the effect calls it once; it changes nothing else. Default: nothing.
   */
  queued?(error: RametError, ctx: WC, request: Request): Promise<void> | void;
  /**
   * Runs when the effect certainly did not happen and will not: the other system refused (a declared failure), or the effect
   * was cancelled before it took place (`StepCancelled`). Default: nothing.
   */
  reject?(error: Error, ctx: WC, request: Request): Promise<void> | void;
}

/**
 * Declares a command that acts on an external system, so that the service always knows the outcome or finds it out.
 * @example
 * ```ts
 * import { command, contract, effect, external, service, sql } from 'ramet';
 * import { z } from 'zod';
 *
 * const Payment = z.object({ orderId: z.string(), cents: z.int() });
 * const Payments = contract('payments', { commands: { charge: command({ input: Payment }) } });
 * interface Tables {
 *   payments: { order_id: string; state: 'asked' | 'paid' };
 * }
 *
 * export default service(Payments, {
 *   store: sql<Tables>({
 *     migrations: { '0001_payments': 'create table payments (order_id text primary key, state text not null)' },
 *   }),
 *   uses: { bank: external('bank', { url: 'https://bank.example.com' }) },
 * }).implement({
 *   commands: {
 *     charge: effect({
 *       request: Payment,
 *       outcome: z.object({ id: z.string() }),
 *       async intend({ orderId, cents }, { db }) {
 *         await db.insertInto('payments').values({ order_id: orderId, state: 'asked' }).execute();
 *         return { orderId, cents };
 *       },
 *       async perform(request, { key, use: { bank } }) {
 *         const headers = { 'content-type': 'application/json', 'idempotency-key': key };
 *         const response = await bank.fetch('/charges', { method: 'POST', headers, body: JSON.stringify(request) });
 *         return { id: (JSON.parse(await response.text()) as { id: string }).id };
 *       },
 *       async record(_outcome, { db }, { orderId }) {
 *         await db.updateTable('payments').set({ state: 'paid' }).where('order_id', '=', orderId).execute();
 *       },
 *     }),
 *   },
 * });
 * ```
 */
export const effect = <I, R, WC, EC, Request, Outcome>(d: Effect<I, R, WC, EC, Request, Outcome>): Effect<I, R, WC, EC, Request, Outcome> =>
  d;
