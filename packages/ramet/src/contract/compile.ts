import type { AnyContract, EventRef, Operation } from './contract.ts';
import { isSecretField, mask } from './mask.ts';
import { type Codec, compileSchema, NOTHING } from './schema.ts';
import { upcastProblems } from './upcast.ts';

/** An operation with its codecs, ready to be called. */
export interface CompiledOperation {
  readonly operation: Operation;
  /** `orders.place` */
  readonly fullName: string;
  readonly input: Codec;
  readonly output: Codec;
  readonly errors: ReadonlyMap<string, { readonly status: number; readonly data: Codec }>;
  readonly http: HttpBinding | undefined;
}

/** The compiled route of an operation. */
export interface HttpBinding {
  readonly method: string;
  /** `/orders/{orderId}` */
  readonly path: string;
  readonly params: readonly string[];
  readonly status: number;
}

/** An event with the codec of its data. */
export interface CompiledEvent {
  readonly event: EventRef;
  readonly codec: Codec;
}

/** A contract with the codecs of its operations and events. */
export interface CompiledContract {
  readonly contract: AnyContract;
  readonly operations: ReadonlyMap<string, CompiledOperation>;
  readonly events: ReadonlyMap<string, CompiledEvent>;
}

/** Masks the data of a declared failure for people. @returns undefined when the operation does not declare this failure */
export function shownFailure(operation: CompiledOperation | undefined, error: string, data: unknown): unknown {
  const declared = operation?.errors.get(error);
  return declared && mask(data, declared.data.shapes);
}

const NAME = /^[a-z][a-zA-Z0-9]*$/;
const SERVICE = /^[a-z][a-z0-9-]*$/;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Compiles every schema and route of a contract. `problems` lists every problem with it, each with the place and what to do. */
export function compileContract(contract: AnyContract): { readonly compiled: CompiledContract; readonly problems: readonly string[] } {
  const known = compiledContracts.get(contract) ?? compile(contract);
  compiledContracts.set(contract, known);
  return known;
}

/** Contracts never change, and each caller of a service compiles its contract: once per process is enough. */
const compiledContracts = new WeakMap<AnyContract, { readonly compiled: CompiledContract; readonly problems: readonly string[] }>();

function compile(contract: AnyContract): { compiled: CompiledContract; problems: string[] } {
  const problems: string[] = [];
  const at = (where: string) => (problem: string) => problems.push(`contract '${contract.name}', ${where}: ${problem}`);
  if (!SERVICE.test(contract.name)) at('name')('use lower-case letters, digits and hyphens');
  const operations = new Map<string, CompiledOperation>();
  const placed = (['commands', 'queries'] as const).flatMap((place) =>
    (Object.values(contract[place]) as Operation[]).map((operation) => ({ operation, place })),
  );
  for (const { operation, place } of placed) {
    const report = at(`${operation.kind ?? 'operation'} '${operation.name}'`);
    const misplaced = placeProblem(operation, place);
    if (misplaced !== undefined) {
      report(misplaced);
      continue;
    }
    if (!NAME.test(operation.name)) report('name it in camelCase, with letters and digits only');
    if (operations.has(operation.name)) report('a command and a query share this name; rename one');
    operations.set(operation.name, compileOperation(operation, report));
  }
  const events = new Map<string, CompiledEvent>();
  for (const event of Object.values(contract.events) as EventRef[]) {
    const report = at(`event '${event.name}'`);
    if (typeof event.key !== 'string') {
      report("it is not made by event(): write event(z.object({ … }), { key: '…' })");
      continue;
    }
    const { codec, problems: wrong } = compileSchema(event.schema);
    wrong.forEach(report);
    const properties = codec.jsonSchema['properties'] as Record<string, unknown> | undefined;
    if (wrong.length === 0 && properties && !(event.key in properties)) report(`its key '${event.key}' is not a field of its schema`);
    else if (wrong.length === 0 && isSecretField(codec.shapes, event.key))
      report(`its key '${event.key}' is marked as a secret, but keys are shown; choose another key`);
    upcastProblems(event).forEach(report);
    events.set(event.name, { event, codec });
  }
  return { compiled: { contract, operations, events }, problems };
}

/** Finds out whether a value is an operation, and in the right list. If not, nothing else of it can be checked. */
function placeProblem({ kind, errors }: Operation, place: 'commands' | 'queries'): string | undefined {
  if (!['command', 'query', 'stream'].includes(kind) || typeof errors !== 'object' || errors === null)
    return 'it is not made by command(), query() or stream(): write command({ input: z.object({ … }) })';
  if ((kind === 'command') === (place === 'commands')) return undefined;
  return `it is listed in '${place}': move it to '${kind === 'command' ? 'commands' : 'queries'}'`;
}

function compileOperation(operation: Operation, report: (problem: string) => void): CompiledOperation {
  const compile = (schema: Operation['input'] | undefined, what: string): Codec => {
    if (!schema) return NOTHING;
    const { codec, problems } = compileSchema(schema);
    for (const problem of problems) report(`${what}: ${problem}`);
    return codec;
  };
  const input = compile(operation.input, 'input');
  const output = compile(operation.output, 'output');
  const errors = new Map(
    Object.entries(operation.errors).map(([name, failure]) => {
      if (typeof failure !== 'object' || failure === null)
        report(`failure '${name}' is not made by failure(): write failure(409, z.object({ … }))`);
      else if (!Number.isInteger(failure.status) || failure.status < 400 || failure.status > 499) {
        report(`failure '${name}' has status ${failure.status}: a declared failure is a 4xx (a 5xx is a fault, not an answer)`);
      }
      return [name, { status: failure?.status, data: compile(failure?.data, `failure '${name}'`) }];
    }),
  );
  return { operation, fullName: `${operation.service}.${operation.name}`, input, output, errors, http: bindHttp(operation, input, report) };
}

function bindHttp(operation: Operation, input: Codec, report: (problem: string) => void): HttpBinding | undefined {
  if (operation.http === undefined) return undefined;
  const { route, status } = typeof operation.http === 'string' ? { route: operation.http, status: undefined } : operation.http;
  const [method = '', path = '', ...rest] = route.split(' ');
  if (!METHODS.includes(method) || !path.startsWith('/') || rest.length > 0) {
    report(`http '${route}' is not a route: write a method and a path, as 'GET /orders/{orderId}'`);
    return undefined;
  }
  const params = [...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] as string);
  const colon = /\/(?::(\w+)|\*+)(?=\/|$)/.exec(path);
  if (colon)
    report(`http '${route}' has the segment '${colon[0].slice(1)}': a parameter is a field in braces, as {${colon[1] ?? 'orderId'}}`);
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 299))
    report(`http '${route}' has status ${status}: success is a whole number from 200 to 299`);
  const properties = (input.jsonSchema['properties'] ?? {}) as Record<string, unknown>;
  for (const param of params) if (!(param in properties)) report(`http '${route}' names {${param}}, which is not a field of the input`);
  return { method, path, params, status: status ?? (operation.output ? 200 : 204) };
}
