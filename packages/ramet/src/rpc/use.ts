import type { AnyContract, Contract, ErrorsOf, In, Out, Result } from '../contract/index.ts';
import type { HttpRequest } from '../platform/index.ts';
import type { CallOptions } from './origin.ts';
import type { Policy } from './policies/policy.ts';

/** An edge of the graph: a service calls another service, under a policy. */
export interface Dependency<C extends AnyContract = AnyContract> {
  readonly contract: C;
  readonly policy: Policy;
}
/**
 * Declares that a service or gateway calls a service, and under which policy.
 * @example uses: { stock: use(Stock, { timeout: '2s', retries: 1 }) }
 */
export const use = <C extends AnyContract>(contract: C, policy: Policy = {}): Dependency<C> => ({ contract, policy });

/** An external system, reached over HTTP at `url` or through its own client that `connect` makes. */
export interface External<T extends object = ExternalClient> extends Policy {
  readonly external: string;
  readonly url: string;
  readonly connect?: () => T;
  /** Decides whether an error of that client counts as a failure of the system (default: every error does). */
  readonly failed?: (error: unknown) => boolean;
}
/**
 * Declares an external system, for which the simulator has a double. A system with a `url` is reached over HTTP, under the same
 * policies as a service. A system with another protocol is reached through the client that `connect` makes: each method is a
 * call under the same policies, but is never repeated.
 * @example uses: { payments: external('payments', { url: 'https://api.example.com/v1', timeout: '10s' }) }
 */
export function external(name: string, o: Policy & { readonly url: string }): External;
export function external<T extends object>(
  name: string,
  o: Policy & Pick<External<T>, 'failed'> & { readonly connect: () => T },
): External<T>;
export function external(name: string, o: Policy & { readonly url?: string; readonly connect?: () => object }): External<any> {
  return { external: name, url: '', ...o };
}

/** The dependencies that a service or gateway declares, by the name under which handlers use them. */
export type Uses = Record<string, Dependency<any> | External<any>>;

/** An edge of the declared graph, as operators see it. */
export interface DeclaredEdge {
  /** The name under which handlers use the target. */
  readonly name: string;
  readonly target: string;
  readonly kind: 'service' | 'external';
}

/** Returns the edges that several `uses` declare together, each once. */
export function edgesOf(...all: readonly Uses[]): readonly DeclaredEdge[] {
  const edges = new Map<string, DeclaredEdge>();
  for (const [name, declared] of all.flatMap((uses) => Object.entries(uses))) {
    const edge: DeclaredEdge =
      'external' in declared
        ? { name, target: declared.external, kind: 'external' }
        : { name, target: declared.contract.name, kind: 'service' };
    edges.set(JSON.stringify([name, edge.kind, edge.target]), edge);
  }
  return [...edges.values()];
}

/** A client method for one operation. The type of a fallback joins that of the answer. */
export type Call<O> = O extends { kind: 'stream'; input: infer I; output: infer R }
  ? (input: In<I>, o?: CallOptions) => AsyncIterable<Out<R>>
  : O extends { input: infer I; output: infer R }
    ? (<F = never>(input: In<I>, o?: CallOptions<F>) => Promise<Out<R> | F>) & {
        readonly try: <F = never>(input: In<I>, o?: CallOptions<F>) => Promise<Result<Out<R> | F, ErrorsOf<O>>>;
      }
    : never;

/** The client of an external system that is reached over HTTP. */
export interface ExternalClient {
  /**
   * Sends a request to the URL of the system plus `path`, under the declared policies. Resolves with any status. A request that
   * is safe to repeat (GET, or any with an `idempotency-key`) is repeated when there was no connection, or the system answered
   * `retry-after`.
   * @throws RametError DeadlineExceeded, BulkheadFull, CircuitOpen, Unavailable
   */
  readonly fetch: (path: string, request?: HttpRequest) => Promise<Response>;
}

/** A client of the queries of a dependency. */
export type QueriesOf<D> =
  D extends Dependency<Contract<any, any, infer Q, any>>
    ? { readonly [K in keyof Q]: Call<Q[K]> }
    : D extends External<infer T>
      ? T
      : never;
/** The clients of queries that a reading handler uses. */
export type Queries<U extends Uses> = { readonly [K in keyof U]: QueriesOf<U[K]> };
/** The clients of the external systems among the dependencies. */
export type Externals<U extends Uses> = { readonly [K in keyof U as U[K] extends External<any> ? K : never]: QueriesOf<U[K]> };

/** A client of every operation of a contract, commands included, for gateways and for callers inside the runtime. */
export type ClientOf<C> =
  C extends Contract<any, infer K, infer Q, any>
    ? { readonly [P in keyof K]: Call<K[P]> } & { readonly [P in keyof Q]: Call<Q[P]> }
    : never;
