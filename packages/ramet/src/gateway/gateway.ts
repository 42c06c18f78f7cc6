import type { AnyContract, Failures, Out, Schema } from '../contract/index.ts';
import type { Crypto } from '../platform/index.ts';
import type { ClientOf, Dependency, External, ExternalClient, Uses } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { StoreFailure } from './limits/limit-guard.ts';
import type { Site } from './site.ts';
import type { JwtOptions } from './tokens/jwt.ts';

/** The callers that a route is open to. There is no default: a process with a route that names none of these does not start. */
export type Access =
  | { readonly access: 'public' }
  /** Every caller with a valid token. */
  | { readonly access: 'authenticated' }
  /** Callers whose valid token has this scope. */
  | { readonly scope: string };

/** What an exposed operation may declare beside its access. */
export interface RouteOptions {
  /**
   * Replaces the gateway's limit for this route, and counts apart from it. A limit by a field of the input adds to the gateway's
   * limit instead. `false` for no limit.
   */
  readonly limit?: Limit | false;
}

/** How often a client may send requests. */
export interface Limit {
  /** How many requests are allowed in a time, as `'100/15m'`. */
  readonly rate: string;
  /**
   * Which requests count together: those of a client (the verified subject, or the address where there is none), or those of a
   * client with the same value in a field of the input, as `input.email`.
   */
  readonly by?: 'client' | `input.${string}`;
  /**
   * What happens when replicas count together and their store of limits is unavailable: `failOpen` (default) counts in each
   * replica alone, `failClosed` refuses with 503.
   */
  readonly storeFailure?: StoreFailure;
}

type OperationNames<C> = C extends { commands: infer K; queries: infer Q } ? (keyof K | keyof Q) & string : never;

/** The operations of one contract that a gateway exposes. */
export interface Exposed {
  readonly kind: 'expose';
  readonly contract: AnyContract;
  readonly prefix: string;
  readonly operations: Readonly<Record<string, Access & RouteOptions>>;
}

/**
 * Exposes operations of a contract at the routes that the contract gives them, below `prefix`. Operations that are not named stay
 * internal.
 * @example
 * expose(Orders, { prefix: '/api', operations: { place: { scope: 'shop' }, get: { access: 'authenticated' } } })
 */
export const expose = <C extends AnyContract>(
  contract: C,
  o: { prefix?: string; operations: { [K in OperationNames<C>]?: Access & RouteOptions } },
): Exposed => ({
  kind: 'expose',
  contract,
  prefix: o.prefix ?? '',
  operations: o.operations as Exposed['operations'],
});

/** The clients of the declared dependencies. */
export type ClientsOf<U extends Uses> = {
  readonly [K in keyof U]: U[K] extends Dependency<infer C> ? ClientOf<C> : U[K] extends External ? ExternalClient : never;
};

/** What a composed route gets. */
export interface ComposeContext<U extends Uses, E extends Failures> {
  readonly caller: Caller;
  readonly use: ClientsOf<U>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly crypto: Crypto;
  /** The request's idempotency key, if it has one. Pass it to the command that must take effect once. */
  readonly key: string | undefined;
  /** How long the client prefers to wait instead of getting an unfinished answer (`Prefer: wait=…`), in milliseconds. */
  readonly waitMs: number | undefined;
  readonly fail: { readonly [K in keyof E]: (data: any) => Error };
}

/** A route that {@link compose} has declared. */
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
 * Declares a route of the gateway: it calls several services and makes one answer of theirs.
 * The input holds the parameters of the path, the query and the body, validated by `input`. Use {@link answer} for an answer that is
 * not JSON.
 * @example
 * compose('GET /home', {
 *   access: 'public',
 *   uses: { catalog: use(Catalog) },
 *   run: async (_, { use }) => ({ products: await use.catalog.search({ limit: 12 }) }),
 * })
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

/** How many connections and streams one client, or all clients, may hold at once. Each process counts alone. */
export interface Caps {
  /** Connections in all (default 10 000). */
  readonly connections: number;
  /**
   * Connections from one address, or from one /64 of IPv6 (default 100). Those from `trustedProxies` are not counted, because all
   * clients behind a proxy come from its address.
   */
  readonly connectionsPerAddress: number;
  /** Open streams of one client (default 50): of the subject of its token, or of its address where it has no token. */
  readonly streamsPerClient: number;
}

const CAPS: Caps = { connections: 10_000, connectionsPerAddress: 100, streamsPerClient: 50 };

/** A gateway that {@link gateway} has declared. */
export interface GatewayDefinition {
  readonly name: string;
  readonly authenticate: JwtOptions | undefined;
  readonly limit: Limit | undefined;
  readonly routes: readonly (Exposed | Composed | Site)[];
  /** The host names that requests may name; all where absent. */
  readonly hosts: readonly string[] | undefined;
  /** Networks of the proxies whose `x-forwarded-for` is believed; none by default. */
  readonly trustedProxies: readonly string[];
  /** The origins whose web pages may call, with the tokens of their users. */
  readonly origins: readonly string[];
  readonly caps: Caps;
  readonly info: { readonly title: string; readonly version: string };
}

/**
 * Declares a gateway for one kind of client: its routes, how it authenticates, and its limits.
 * @example
 * export default gateway('web', {
 *   limit: { rate: '300/15m' },
 *   routes: [expose(Orders, { prefix: '/api', operations: { place: { access: 'public' } } })],
 * })
 */
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
