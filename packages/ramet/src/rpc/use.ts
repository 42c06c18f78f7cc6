import type { AnyContract, Contract, ErrorsOf, In, Out, Result } from '../contract/index.ts';
import type { HttpRequest } from '../platform/index.ts';
import type { CallOptions } from './client.ts';
import type { Policy } from './policy.ts';

/** An edge of the graph: a service calls another one, under a policy. */
export interface Dependency<C extends AnyContract = AnyContract> {
  readonly contract: C;
  readonly policy: Policy;
}
/** Declares that a service calls another one, and how. */
export const use = <C extends AnyContract>(contract: C, policy: Policy = {}): Dependency<C> => ({ contract, policy });

/** A system that is not ours. */
export interface External extends Policy {
  readonly external: string;
  readonly url: string;
}
/** Declares a system that is not ours, reached over HTTP at `url` with the same policies; the simulator has a double of it. */
export const external = (name: string, o: Policy & { url: string }): External => ({ external: name, ...o });

export type Uses = Record<string, Dependency<any> | External>;

export type Call<O> = O extends { kind: 'stream'; input: infer I; output: infer R }
  ? (input: In<I>, o?: CallOptions) => AsyncIterable<Out<R>>
  : O extends { input: infer I; output: infer R }
    ? ((input: In<I>, o?: CallOptions) => Promise<Out<R>>) & { try(input: In<I>, o?: CallOptions): Promise<Result<Out<R>, ErrorsOf<O>>> }
    : never;

/** What is given to whoever talks to an external system: `fetch` with a path, under the declared policies. */
export interface ExternalClient {
  /**
   * Sends a request to the system's URL plus `path`. Answers whatever status comes back.
   * @throws RametError DeadlineExceeded, BulkheadFull, Unavailable
   */
  fetch(path: string, request?: HttpRequest): Promise<Response>;
}

export type QueriesOf<D> =
  D extends Dependency<Contract<any, any, infer Q, any>>
    ? { readonly [K in keyof Q]: Call<Q[K]> }
    : D extends External
      ? ExternalClient
      : never;
export type Queries<U extends Uses> = { readonly [K in keyof U]: QueriesOf<U[K]> };
export type Externals<U extends Uses> = { readonly [K in keyof U as U[K] extends External ? K : never]: ExternalClient };

/** Every operation of a contract, commands included: for gateways and for the runtime's own callers. */
export type ClientOf<C> =
  C extends Contract<any, infer K, infer Q, any>
    ? { readonly [P in keyof K]: Call<K[P]> } & { readonly [P in keyof Q]: Call<Q[P]> }
    : never;
