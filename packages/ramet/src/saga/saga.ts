import type { Contract, Data, EventRef, In, Out, OutputOf, Schema } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { Dependency, Uses } from '../rpc/index.ts';

/**
 * A call as data: what a step does, and what undoes it. Both are in the journal before the call is made, so that undoing
 * needs no user code: it survives a deploy, a renamed variable, and a program that no longer exists.
 */
export interface Invocation<Kind extends string = string, Service extends string = string, R = unknown> {
  readonly kind: Kind;
  readonly service: Service;
  readonly operation: string;
  readonly input: unknown;
  readonly _?: R;
  /** Makes `await` a type error: an invocation does nothing until it is given to a step. If it is awaited anyway, it rejects. */
  readonly then?: (giveTheInvocationToAStep: never) => never;
}

type InvocationsOf<D> =
  D extends Dependency<Contract<infer N, infer K, infer Q, any>>
    ? { readonly [P in keyof K]: (input: In<K[P]['input']>) => Invocation<'command', N, OutputOf<K[P]>> } & {
        readonly [P in keyof Q]: (input: In<Q[P]['input']>) => Invocation<Q[P]['kind'], N, OutputOf<Q[P]>>;
      }
    : never;

export interface StepOptions<N extends string> {
  /** The command that undoes the step, of the same service and without an answer; it may run although the step never did. */
  readonly undo: Invocation<'command', NoInfer<N>, void> | 'nothing';
  /** How long one attempt may take (default 5s). */
  readonly timeout?: Duration;
  /** How long all attempts together may take (default 30s); then the saga compensates, this step included. */
  readonly deadline?: Duration;
}

/**
 * What a saga program is given. Between its calls the program must be deterministic: it runs again from the start after a
 * restart and gets the outcomes of its steps in the order in which it got them before, one at a time. So `Promise.race`,
 * `any`, `all` and combinators of your own take the same way each time. The saga is over when the program has returned and
 * every step that it began is definite.
 */
export interface SagaContext<U extends Uses, W extends EventRef<any> = EventRef<any>> {
  readonly sagaId: string;
  readonly use: { readonly [K in keyof U]: InvocationsOf<U[K]> };
  /**
   * Runs a command of another service once, and says how to undo it. `name` is unique within the saga.
   * A declared failure is thrown and may be caught; an outcome that stays unknown ends the program and compensates.
   */
  readonly step: <N extends string, R>(name: string, call: Invocation<'command', N, R>, o: StepOptions<N>) => Promise<R>;
  /** The point of no return: never undone, and retried until it is done. A customer can cancel until its intent is stored. */
  readonly pivot: <R>(name: string, call: Invocation<'command', string, R>) => Promise<R>;
  /** Asks a query; the answer is kept, and given again after a restart. */
  readonly ask: <R>(name: string, call: Invocation<'query', string, R>) => Promise<R>;
  /**
   * Waits until all branches have ended, and gives their answers by name. When branches fail, it throws the error of the
   * first of them in the order in which they are written, and not before the last has ended: what is undone then is definite.
   * @param branches promises of steps, or of functions that take steps
   */
  readonly parallel: <B extends Readonly<Record<string, PromiseLike<unknown>>>>(
    branches: B,
  ) => Promise<{ -readonly [K in keyof B]: Awaited<B[K]> }>;
  /** Goes on after `duration` in the time of the database, however often the process restarts. Meanwhile no process has the saga. */
  readonly sleep: (name: string, duration: Duration) => Promise<void>;
  /**
   * Waits for the first event with `key` that has come to this service since the saga's start, before this call or after it.
   * The event must be named in `waitsFor` of the saga. Two waits for one event and key get the same event.
   * @param o.timeout how long from the call on
   * @returns its data, or undefined when none has come in time
   */
  readonly waitFor: <E extends W>(
    name: string,
    event: E,
    o: { readonly key: string; readonly timeout: Duration },
  ) => Promise<Data<E> | undefined>;
  /** The present, kept in the journal. */
  readonly now: () => Date;
  /** A new id, kept in the journal. */
  readonly id: (prefix: string) => string;
  /** A number in [0, 1), kept in the journal. */
  readonly random: () => number;
}

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
 * Declares a saga: a durable process over several services that either completes or is undone.
 * It starts once per value of `key`. Raise `version` when the program changes in a way that running sagas cannot follow, and
 * keep the program they began with in `previous` until none is left. Its service subscribes to the events in `waitsFor`.
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
