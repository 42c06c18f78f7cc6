import type { Contract, Data, EventRef, In, Out, OutputOf, Schema } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { Dependency, Uses } from '../rpc/index.ts';

/**
 * A call as data. The journal holds the call of a step and its undo before the call is made. So an undo needs no user code: it
 * survives a deploy, a renamed variable, and a program that no longer exists.
 */
export interface Invocation<Kind extends string = string, Service extends string = string, R = unknown> {
  readonly kind: Kind;
  readonly service: Service;
  readonly operation: string;
  readonly input: unknown;
  readonly _?: R;
  /** Makes `await` a type error: an invocation does nothing until a step receives it. If it is awaited anyway, it rejects. */
  readonly then?: (giveTheInvocationToAStep: never) => never;
}

type InvocationsOf<D> =
  D extends Dependency<Contract<infer N, infer K, infer Q, any>>
    ? { readonly [P in keyof K]: (input: In<K[P]['input']>) => Invocation<'command', N, OutputOf<K[P]>> } & {
        readonly [P in keyof Q]: (input: In<Q[P]['input']>) => Invocation<Q[P]['kind'], N, OutputOf<Q[P]>>;
      }
    : never;

/** The options of a step. */
export interface StepOptions<N extends string> {
  /** The command that undoes the step: of the same service, without an answer. It may run although the step never did. */
  readonly undo: Invocation<'command', NoInfer<N>, void> | 'nothing';
  /** How long one attempt may take (default 5s). */
  readonly timeout?: Duration;
  /** How long all attempts together may take (default 30s). After that the saga is undone, including this step. */
  readonly deadline?: Duration;
}

/**
 * The context of a saga's program. Between its calls the program must be deterministic: after a restart it runs again from the
 * start and receives the outcomes of its steps in the same order as before, one at a time. So `Promise.race`, `any`, `all` and
 * your own combinators take the same way each time. The saga ends when the program has returned and all its steps have ended.
 */
export interface SagaContext<U extends Uses, W extends EventRef<any> = EventRef<any>> {
  /** Identifies this saga. */
  readonly sagaId: string;
  /** Makes calls for steps: `use.payments.charge({ orderId })` is data and does nothing until a step receives it. */
  readonly use: { readonly [K in keyof U]: InvocationsOf<U[K]> };
  /**
   * Runs a command of another service, with effect once, and names its undo. `name` must be unique within the saga. A declared
   * failure is thrown, and the program may catch it. If the outcome stays unknown, the program ends and the saga is undone.
   * @example
   * await step('charge card', payments.charge({ orderId }), { undo: payments.refund({ orderId }), deadline: '1m' });
   */
  readonly step: <N extends string, R>(name: string, call: Invocation<'command', N, R>, o: StepOptions<N>) => Promise<R>;
  /**
   * Runs the command that is the point of no return: it is never undone, and retried until it is done. The saga can be cancelled
   * until the intent of the pivot is stored.
   * @example
   * await pivot('ship', shipping.ship({ orderId }));
   */
  readonly pivot: <R>(name: string, call: Invocation<'command', string, R>) => Promise<R>;
  /**
   * Calls a query. The journal keeps the answer, and the program receives it again after a restart.
   * @example
   * const { price } = await ask('price', catalog.price({ sku }));
   */
  readonly ask: <R>(name: string, call: Invocation<'query', string, R>) => Promise<R>;
  /**
   * Waits until all branches have ended, and returns their answers by name. If branches fail, it throws the error of the first
   * of them in the order in which they are written, after the last branch has ended. So the undo finds only definite steps.
   * @param branches promises of steps, or of functions that take steps
   * @example
   * const { room, seat } = await parallel({
   *   room: step('book room', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) }),
   *   seat: step('book seat', flights.book({ tripId }), { undo: flights.cancel({ tripId }) }),
   * });
   */
  readonly parallel: <B extends Readonly<Record<string, PromiseLike<unknown>>>>(
    branches: B,
  ) => Promise<{ -readonly [K in keyof B]: Awaited<B[K]> }>;
  /**
   * Continues after `duration`, by the clock of the database, however often the process restarts. Meanwhile no process owns the saga.
   * @example
   * await sleep('cooling-off period', '14d');
   */
  readonly sleep: (name: string, duration: Duration) => Promise<void>;
  /**
   * Waits for the first event with `key` that arrives at this service after the start of the saga, before this call or after it.
   * The event must be listed in `waitsFor` of the saga. Two waits for one event and key receive the same event.
   * @param o.timeout how long to wait, counted from this call
   * @returns the event's data, or undefined after the timeout
   * @example
   * const paid = await waitFor('payment', Payments.events.Paid, { key: orderId, timeout: '3d' });
   * if (!paid) throw new Error('not paid in time');
   */
  readonly waitFor: <E extends W>(
    name: string,
    event: E,
    o: { readonly key: string; readonly timeout: Duration },
  ) => Promise<Data<E> | undefined>;
  /** Returns the current time, kept in the journal: the program receives the same after a restart. */
  readonly now: () => Date;
  /** Makes a new id, kept in the journal. */
  readonly id: (prefix: string) => string;
  /** Draws a number in [0, 1), kept in the journal. */
  readonly random: () => number;
}

/** A saga as `saga()` declares it. */
export interface Saga<I = any, O = any> {
  readonly name: string;
  readonly input: Schema<any, I>;
  readonly key: string;
  readonly version: number;
  readonly previous: readonly Saga[];
  readonly uses: Uses;
  readonly waitsFor: readonly EventRef<any>[];
  readonly run: (input: I, saga: SagaContext<any>) => Promise<O>;
}

/**
 * Declares a saga: a durable process over several services that either completes or is fully undone. It starts once per value
 * of `key`. If the program changes in a way that running sagas cannot follow, raise `version` and keep the former program in
 * `previous` until no saga needs it. The service of the saga subscribes to the events in `waitsFor`.
 * @example
 * ```ts
 * import { command, contract, saga, use } from 'ramet';
 * import { z } from 'zod';
 *
 * const Order = z.object({ orderId: z.string() });
 * const Stock = contract('stock', { commands: { reserve: command({ input: Order }), release: command({ input: Order }) } });
 * const Payments = contract('payments', { commands: { charge: command({ input: Order }) } });
 *
 * export const fulfilOrder = saga('fulfil-order', {
 *   input: Order,
 *   key: 'orderId',
 *   uses: { stock: use(Stock), payments: use(Payments) },
 *   async run({ orderId }, { step, pivot, use: { stock, payments } }) {
 *     await step('reserve', stock.reserve({ orderId }), { undo: stock.release({ orderId }) });
 *     await pivot('charge', payments.charge({ orderId }));
 *   },
 * });
 * ```
 */
export const saga = <I extends Schema, O, const U extends Uses, const W extends readonly EventRef<any>[] = []>(
  name: string,
  d: {
    input: I;
    key: keyof Out<I> & string;
    version?: number;
    previous?: readonly Saga<any, any>[];
    uses: U;
    waitsFor?: W;
    run: (input: Out<I>, saga: SagaContext<U, W[number]>) => Promise<O>;
  },
): Saga<Out<I>, O> => ({ version: 1, previous: [], waitsFor: [], ...d, name }) as unknown as Saga<Out<I>, O>;
