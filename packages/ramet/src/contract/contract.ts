import type { In, Out, Schema } from './schema.ts';

/** A failure that an operation declares: its HTTP status and its data. */
export interface Failure<D extends Schema = Schema> {
  readonly status: number;
  readonly data: D;
}
/** The declared failures of an operation, by name. */
export type Failures = Record<string, Failure>;

/**
 * Declares a failure: an answer of an operation that is typed on both sides, not a fault.
 * @example
 * const place = command({
 *   input: z.object({ sku: z.string() }),
 *   errors: { OutOfStock: failure(409, z.object({ sku: z.string() })) },
 * });
 */
export const failure = <D extends Schema>(status: number, data: D): Failure<D> => ({ status, data });

/** The route of an operation in HTTP: `'GET /orders/{orderId}'`, with its success status where that is not 200 (204 without output). */
export type Http = string | { readonly route: string; readonly status?: number };

/** The kinds of operations. */
export type OperationKind = 'command' | 'query' | 'stream';

/** An operation of a contract. */
export interface Operation {
  readonly kind: OperationKind;
  readonly service: string;
  readonly name: string;
  readonly input: Schema;
  readonly output: Schema | undefined;
  readonly errors: Failures;
  readonly http?: Http;
  readonly key?: 'required';
}
/** The operations of a contract, by name. */
export type Operations = Record<string, Operation>;

/** An operation as it is declared; `contract()` adds the names of the service and of the operation. */
export interface Declared<Kind extends OperationKind, I extends Schema, O extends Schema | undefined, E extends Failures> {
  readonly kind: Kind;
  readonly service: string;
  readonly name: string;
  readonly input: I;
  readonly output: O;
  readonly errors: E;
  readonly http?: Http;
  readonly key?: 'required';
}

/**
 * Declares a command: a change in one local transaction of its service. `key: 'required'` refuses requests without an idempotency key.
 * @example
 * const place = command({
 *   input: z.object({ sku: z.string(), quantity: z.int().min(1) }),
 *   output: z.object({ orderId: z.string() }),
 *   http: 'POST /orders',
 *   key: 'required',
 * });
 */
export const command = <I extends Schema, O extends Schema | undefined = undefined, E extends Failures = {}>(d: {
  input: I;
  output?: O;
  errors?: E;
  http?: Http;
  key?: 'required';
}) => ({ output: undefined, errors: {}, ...d, kind: 'command' }) as unknown as Declared<'command', I, NoInfer<O>, NoInfer<E>>;

/**
 * Declares a query: it only reads, so that it may be repeated at any time.
 * @example
 * const find = query({
 *   input: z.object({ orderId: z.string() }),
 *   output: z.object({ status: z.string() }),
 *   http: 'GET /orders/{orderId}',
 * });
 */
export const query = <I extends Schema, O extends Schema, E extends Failures = {}>(d: { input: I; output: O; errors?: E; http?: Http }) =>
  ({ errors: {}, ...d, kind: 'query' }) as unknown as Declared<'query', I, NoInfer<O>, NoInfer<E>>;

/**
 * Declares a stream: a query that answers many times.
 * @example
 * const watch = stream({ input: z.object({ orderId: z.string() }), output: z.object({ status: z.string() }) });
 */
export const stream = <I extends Schema, O extends Schema, E extends Failures = {}>(d: { input: I; output: O; errors?: E; http?: Http }) =>
  ({ errors: {}, ...d, kind: 'stream' }) as unknown as Declared<'stream', I, NoInfer<O>, NoInfer<E>>;

/** Converts the data of one version of an event to the next version. It must be pure: the same input gives the same output, without effects. */
export type Upcast = (old: any) => unknown;

/** Steps from version to version, each under the version that it reads. */
export type Upcasts = { readonly [from: number]: Upcast };

/** An event as it is declared; `contract()` adds the names of the service and of the event. */
export interface EventDeclaration<T extends Schema = Schema> {
  readonly schema: T;
  readonly key: string;
  readonly version?: number;
  readonly upcast?: Upcasts;
}

/**
 * Declares an event. Events with the same value of `key` stay in order. `version` counts up when the schema changes (default 1);
 * `upcast` has a pure function from each earlier version to the next, so that consumers can read events that were published earlier.
 * @example
 * const Placed = event(z.object({ orderId: z.string(), total: z.number() }), { key: 'orderId' });
 */
export const event = <T extends Schema>(
  schema: T,
  o: { key: keyof Out<T> & string; version?: number; upcast?: Upcasts },
): EventDeclaration<T> => ({
  schema,
  ...o,
});

/** An event of a contract, as reactions and sagas refer to it. */
export interface EventRef<T extends Schema = Schema> {
  readonly service: string;
  readonly name: string;
  readonly schema: T;
  readonly key: string;
  readonly version: number;
  readonly upcast?: Upcasts;
}
/** The data of an event. */
export type Data<R> = R extends EventRef<infer T> ? Out<T> : never;
/** The events of a contract, by name. */
export type Events = Record<string, EventDeclaration>;

/** What a service promises. It is data, except for the pure functions of `upcast`, and is the only file of a service that others import. */
export interface Contract<
  N extends string = string,
  C extends Operations = Operations,
  Q extends Operations = Operations,
  E extends Events = Events,
> {
  readonly name: N;
  readonly commands: C;
  readonly queries: Q;
  readonly events: { readonly [K in keyof E]: EventRef<E[K]['schema']> };
}
/** Any contract. */
export type AnyContract = Contract<any, any, any, any>;

/** The name where the compiler is strict, and otherwise what to do: without it, the types of handlers and clients are wrong. */
type Name<N extends string> = undefined extends string ? `set "strict": true in tsconfig.json: the types of Ramet need it` : N;

/**
 * Declares a contract: what a service named `name` promises to others. Queries and streams are both listed under `queries`.
 * @example
 * export const Orders = contract('orders', {
 *   commands: { place: command({ input: z.object({ sku: z.string() }), output: z.object({ orderId: z.string() }) }) },
 *   queries: { find: query({ input: z.object({ orderId: z.string() }), output: z.object({ sku: z.string() }) }) },
 *   events: { Placed: event(z.object({ orderId: z.string() }), { key: 'orderId' }) },
 * });
 */
export function contract<N extends string, C extends Operations = {}, Q extends Operations = {}, E extends Events = {}>(
  name: Name<N>,
  d: { commands?: C; queries?: Q; events?: E },
): Contract<N, C, Q, E> {
  const named = (operations: Operations | undefined) =>
    Object.fromEntries(Object.entries(operations ?? {}).map(([key, operation]) => [key, { ...operation, service: name, name: key }]));
  const events = Object.fromEntries(
    Object.entries(d.events ?? {}).map(([event, declared]) => {
      // Boot reports a declaration that is not an object.
      const { schema, key, version = 1, upcast } = declared ?? {};
      return [event, { service: name, name: event, schema, key, version, ...(upcast ? { upcast } : {}) }];
    }),
  );
  return { name, commands: named(d.commands), queries: named(d.queries), events } as unknown as Contract<N, C, Q, E>;
}

/** The declared failures of an operation. */
export type ErrorsOf<O> = O extends { errors: infer E extends Failures } ? E : {};
/** The input of an operation. */
export type InputOf<O> = O extends { input: infer I } ? In<I> : never;
/** The output of an operation. */
export type OutputOf<O> = O extends { output: infer R } ? Out<R> : void;

/** The answer of `call.try()`: the value, or one of the declared failures. */
export type Result<R, E> =
  | { readonly ok: true; readonly value: R }
  | {
      [K in keyof E & string]: { readonly ok: false; readonly error: K; readonly data: E[K] extends Failure<infer D> ? Out<D> : never };
    }[keyof E & string];
