import type { AnyContract, Failures, Out, Schema } from '../contract/index.ts';
import type { Crypto } from '../platform/index.ts';
import type { ClientOf, Dependency, External, ExternalClient, Uses } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import type { EventLog } from '../telemetry/index.ts';
import type { StoreFailure } from './limits/limit-guard.ts';
import type { Site } from './site.ts';
import type { JwtOptions } from './tokens/jwt.ts';

/** Who may use a route. There is no default: an operation without one of these keeps the process from starting. */
export type Access =
  | { readonly access: 'public' }
  /** Anybody with a valid token. */
  | { readonly access: 'authenticated' }
  /** A valid token with this scope. */
  | { readonly scope: string };

export interface RouteOptions {
  /**
   * Replaces the gateway's limit for this route, with a bucket of its own; a limit by a field of the input comes on top of
   * it. `false` for none.
   */
  readonly limit?: Limit | false;
}

export interface Limit {
  /** Such as `'100/15m'`. */
  readonly rate: string;
  /**
   * Whose requests count together: a client (the verified subject, or the address where there is none), or a client with
   * the value of a field of the input, as `input.email`.
   */
  readonly by?: 'client' | `input.${string}`;
  /**
   * What happens when replicas count together and the store that they count in is away: `failOpen` (default) counts in each
   * replica alone, `failClosed` refuses with 503.
   */
  readonly storeFailure?: StoreFailure;
}

type OperationNames<C> = C extends { commands: infer K; queries: infer Q } ? (keyof K | keyof Q) & string : never;

export interface Exposed {
  readonly kind: 'expose';
  readonly contract: AnyContract;
  readonly prefix: string;
  readonly operations: Readonly<Record<string, Access & RouteOptions>>;
}

/** Exposes operations of a contract at the routes that the contract gives them, below `prefix`. An operation not named here is not exposed. */
export const expose = <C extends AnyContract>(
  contract: C,
  o: { prefix?: string; operations: { [K in OperationNames<C>]?: Access & RouteOptions } },
): Exposed => ({
  kind: 'expose',
  contract,
  prefix: o.prefix ?? '',
  operations: o.operations as Exposed['operations'],
});

export type ClientsOf<U extends Uses> = {
  readonly [K in keyof U]: U[K] extends Dependency<infer C> ? ClientOf<C> : U[K] extends External ? ExternalClient : never;
};

export interface ComposeContext<U extends Uses, E extends Failures> {
  readonly caller: Caller;
  readonly use: ClientsOf<U>;
  readonly log: EventLog;
  readonly signal: AbortSignal;
  readonly crypto: Crypto;
  /** The request's idempotency key, if it has one: pass it on to the command that must happen once. */
  readonly key: string | undefined;
  /** How long the client would rather wait than get an unfinished answer (`Prefer: wait=…`), in milliseconds. */
  readonly waitMs: number | undefined;
  readonly fail: { readonly [K in keyof E]: (data: any) => Error };
}

export interface Composed {
  readonly kind: 'compose';
  readonly route: string;
  readonly uses: Uses;
  readonly access: Access;
  readonly limit: Limit | false | undefined;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly status: number | undefined;
  readonly errors: Failures;
  readonly key: 'required' | undefined;
  readonly run: (input: any, context: ComposeContext<any, any>) => unknown;
}

/**
 * A route of the gateway's own: asks several services, side by side where it can, and makes one answer for its clients.
 * The input is the path's parameters, the query and the body, validated by `input`. An answer that is not JSON is made with
 * {@link answer}.
 */
export const compose = <const U extends Uses = {}, I extends Schema | undefined = undefined, E extends Failures = {}>(
  route: string,
  d: Access & {
    uses?: U;
    input?: I;
    output?: Schema;
    status?: number;
    errors?: E;
    key?: 'required';
    limit?: Limit | false;
    run: (input: I extends Schema ? Out<I> : undefined, context: ComposeContext<U, E>) => unknown;
  },
): Composed => ({
  kind: 'compose',
  route,
  uses: d.uses ?? {},
  access: 'scope' in d ? { scope: d.scope } : { access: d.access },
  limit: d.limit,
  input: d.input,
  output: d.output,
  status: d.status,
  errors: d.errors ?? {},
  key: d.key,
  run: d.run as Composed['run'],
});

/** How much of what a process has one client, or all, may hold at once. In each process: replicas do not count together. */
export interface Caps {
  /** Connections in all (default 10 000). */
  readonly connections: number;
  /**
   * Connections from one address, or from one /64 of IPv6 (default 100). Those from `trustedProxies` are not counted: all clients
   * behind a proxy come from its address.
   */
  readonly connectionsPerAddress: number;
  /** Open streams of one client: of the subject of its token, or of its address where there is none (default 50). */
  readonly streamsPerClient: number;
}

const CAPS: Caps = { connections: 10_000, connectionsPerAddress: 100, streamsPerClient: 50 };

export interface GatewayDefinition {
  readonly name: string;
  readonly authenticate: JwtOptions | undefined;
  readonly limit: Limit | undefined;
  readonly routes: readonly (Exposed | Composed | Site)[];
  /** Host names that requests may come for; all when left out. */
  readonly hosts: readonly string[] | undefined;
  /** Networks of proxies whose `x-forwarded-for` counts; nobody is trusted by default. */
  readonly trustedProxies: readonly string[];
  /** Web pages of these origins may call, with their users' tokens. */
  readonly origins: readonly string[];
  readonly caps: Caps;
  readonly info: { readonly title: string; readonly version: string };
}

/** Declares the edge for one kind of client: what it may reach, who it is, and how often it may ask. */
export const gateway = (
  name: string,
  d: {
    authenticate?: JwtOptions;
    limit?: Limit;
    routes: readonly (Exposed | Composed | Site)[];
    hosts?: readonly string[];
    trustedProxies?: readonly string[];
    origins?: readonly string[];
    caps?: Partial<Caps>;
    info?: { title: string; version: string };
  },
): GatewayDefinition => ({
  name,
  authenticate: d.authenticate,
  limit: d.limit,
  routes: d.routes,
  hosts: d.hosts,
  trustedProxies: d.trustedProxies ?? [],
  origins: d.origins ?? [],
  caps: { ...CAPS, ...d.caps },
  info: d.info ?? { title: name, version: '1' },
});
