import type { AnyContract, Contract, ErrorsOf, In, Out, Result } from '../contract/index.ts';
import type { HttpRequest } from '../platform/index.ts';
import type { CallOptions } from './origin.ts';
import type { Policy } from './policies/policy.ts';

/** An edge of the graph: a service calls another one, under a policy. */
export interface Dependency<C extends AnyContract = AnyContract> {
  readonly contract: C;
  readonly policy: Policy;
}
/** Declares that a service calls another one, and how. */
export const use = <C extends AnyContract>(contract: C, policy: Policy = {}): Dependency<C> => ({ contract, policy });

/** A system that is not ours: reached over HTTP at `url`, or by a client of its own that `connect` makes. */
export interface External<T extends object = ExternalClient> extends Policy {
  readonly external: string;
  readonly url: string;
  readonly connect?: () => T;
  /** Whether what a method of that client threw says that the system is not well (default: everything does). */
  readonly failed?: (error: unknown) => boolean;
}
/**
 * Declares a system that is not ours; the simulator has a double of it. One with a `url` is reached over HTTP, under the
 * same policies as a service; one that speaks another protocol by the client that `connect` makes, each of whose methods is a
 * call under the same policies (but never repeated).
 */
export function external(name: string, o: Policy & { readonly url: string }): External;
export function external<T extends object>(
  name: string,
  o: Policy & Pick<External<T>, 'failed'> & { readonly connect: () => T },
): External<T>;
export function external(name: string, o: Policy & { readonly url?: string; readonly connect?: () => object }): External<any> {
  return { external: name, url: '', ...o };
}

export type Uses = Record<string, Dependency<any> | External<any>>;

/** A fallback's type joins that of the answer. */
export type Call<O> = O extends { kind: 'stream'; input: infer I; output: infer R }
  ? (input: In<I>, o?: CallOptions) => AsyncIterable<Out<R>>
  : O extends { input: infer I; output: infer R }
    ? (<F = never>(input: In<I>, o?: CallOptions<F>) => Promise<Out<R> | F>) & {
        readonly try: <F = never>(input: In<I>, o?: CallOptions<F>) => Promise<Result<Out<R> | F, ErrorsOf<O>>>;
      }
    : never;

/** What is given to whoever talks to an external system: `fetch` with a path, under the declared policies. */
export interface ExternalClient {
  /**
   * Sends a request to the system's URL plus `path`. Answers whatever status comes back.
   * A request that is safe to repeat (GET, or any with an
   * `idempotency-key`) is repeated where there was no connection, or the system said `retry-after`.
   * @throws RametError DeadlineExceeded, BulkheadFull, CircuitOpen, Unavailable
   */
  readonly fetch: (path: string, request?: HttpRequest) => Promise<Response>;
}

export type QueriesOf<D> =
  D extends Dependency<Contract<any, any, infer Q, any>>
    ? { readonly [K in keyof Q]: Call<Q[K]> }
    : D extends External<infer T>
      ? T
      : never;
export type Queries<U extends Uses> = { readonly [K in keyof U]: QueriesOf<U[K]> };
export type Externals<U extends Uses> = { readonly [K in keyof U as U[K] extends External<any> ? K : never]: QueriesOf<U[K]> };

/** Every operation of a contract, commands included: for gateways and for the runtime's own callers. */
export type ClientOf<C> =
  C extends Contract<any, infer K, infer Q, any>
    ? { readonly [P in keyof K]: Call<K[P]> } & { readonly [P in keyof Q]: Call<Q[P]> }
    : never;
