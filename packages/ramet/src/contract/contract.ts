import type { In, Out, Schema } from './schema.ts';

/** A failure that an operation declares: its HTTP status and what it says. */
export interface Failure<D extends Schema = Schema> {
  readonly status: number;
  readonly data: D;
}
export type Failures = Record<string, Failure>;

/** Declares a failure: part of what an operation may answer, typed on both sides. */
export const failure = <D extends Schema>(status: number, data: D): Failure<D> => ({ status, data });

/** Where an operation stands in HTTP: `'GET /orders/{orderId}'`, with the status of success where it is not 200 (204 without output). */
export type Http = string | { readonly route: string; readonly status?: number };

export type OperationKind = 'command' | 'query' | 'stream';

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

/** Declares a command: asks for a change, in one local transaction of its service. `key: 'required'` refuses requests without an idempotency key. */
export const command = <I extends Schema, O extends Schema | undefined = undefined, E extends Failures = {}>(d: {
  input: I;
  output?: O;
  errors?: E;
  http?: Http;
  key?: 'required';
}) => ({ output: undefined, errors: {}, ...d, kind: 'command' }) as unknown as Declared<'command', I, NoInfer<O>, NoInfer<E>>;

/** Declares a query: reads, and may be repeated at will. */
export const query = <I extends Schema, O extends Schema, E extends Failures = {}>(d: { input: I; output: O; errors?: E; http?: Http }) =>
  ({ errors: {}, ...d, kind: 'query' }) as unknown as Declared<'query', I, NoInfer<O>, NoInfer<E>>;

/** Declares a stream: a query that answers many times. */
export const stream = <I extends Schema, O extends Schema, E extends Failures = {}>(d: { input: I; output: O; errors?: E; http?: Http }) =>
  ({ errors: {}, ...d, kind: 'stream' }) as unknown as Declared<'stream', I, NoInfer<O>, NoInfer<E>>;

/** Makes the data of one version of an event into that of the next. Pure: the same in, the same out, and nothing else. */
export type Upcast = (old: any) => unknown;

/** Steps from version to version, each under the version that it begins with. */
export type Upcasts = { readonly [from: number]: Upcast };

export interface EventDeclaration<T extends Schema = Schema> {
  readonly schema: T;
  readonly key: string;
  readonly version?: number;
  readonly upcast?: Upcasts;
}

/**
 * Declares an event. Events with the same value of `key` stay in order. `version` counts up when the schema changes (default 1);
 * `upcast` has a pure function from each version before to the next, so that consumers can read what was published earlier.
 */
export const event = <T extends Schema>(
  schema: T,
  o: { key: keyof Out<T> & string; version?: number; upcast?: Upcasts },
): EventDeclaration<T> => ({
  schema,
  ...o,
});

export interface EventRef<T extends Schema = Schema> {
  readonly service: string;
  readonly name: string;
  readonly schema: T;
  readonly key: string;
  readonly version: number;
  readonly upcast?: Upcasts;
}
export type Data<R> = R extends EventRef<infer T> ? Out<T> : never;
export type Events = Record<string, EventDeclaration>;

/** What a service promises. Data only, but for the pure functions of `upcast`: the one file of a service that others import. */
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
export type AnyContract = Contract<any, any, any, any>;

/** A name where the compiler is strict; else what to do about it, for types of handlers and clients are wrong without. */
type Name<N extends string> = undefined extends string ? `set "strict": true in tsconfig.json: the types of Ramet need it` : N;

/** Declares a contract: what a service named `name` promises to others. Queries and streams stand together under `queries`. */
export function contract<N extends string, C extends Operations = {}, Q extends Operations = {}, E extends Events = {}>(
  name: Name<N>,
  d: { commands?: C; queries?: Q; events?: E },
): Contract<N, C, Q, E> {
  const named = (operations: Operations | undefined) =>
    Object.fromEntries(Object.entries(operations ?? {}).map(([key, operation]) => [key, { ...operation, service: name, name: key }]));
  const events = Object.fromEntries(
    Object.entries(d.events ?? {}).map(([event, declared]) => {
      // Boot says what is wrong with one that is none.
      const { schema, key, version = 1, upcast } = declared ?? {};
      return [event, { service: name, name: event, schema, key, version, ...(upcast ? { upcast } : {}) }];
    }),
  );
  return { name, commands: named(d.commands), queries: named(d.queries), events } as unknown as Contract<N, C, Q, E>;
}

export type ErrorsOf<O> = O extends { errors: infer E extends Failures } ? E : {};
export type InputOf<O> = O extends { input: infer I } ? In<I> : never;
export type OutputOf<O> = O extends { output: infer R } ? Out<R> : void;

/** The answer of `call.try()`: the value, or which of the declared failures it was. */
export type Result<R, E> =
  | { readonly ok: true; readonly value: R }
  | {
      [K in keyof E & string]: { readonly ok: false; readonly error: K; readonly data: E[K] extends Failure<infer D> ? Out<D> : never };
    }[keyof E & string];
