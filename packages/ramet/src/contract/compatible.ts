import { compileContract } from './compile.ts';
import type { AnyContract, EventRef } from './contract.ts';
import { fitProblems } from './fit.ts';
import type { JsonSchema } from './schema.ts';

/** A contract as data: what a deployed version promises, in a form that can be stored and compared. */
export interface ContractShape {
  readonly name: string;
  readonly operations: Readonly<Record<string, OperationShape>>;
  readonly events: Readonly<Record<string, EventShape>>;
}

interface OperationShape {
  readonly kind: string;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  readonly errors: Readonly<Record<string, { readonly status: number; readonly data: JsonSchema }>>;
  /** Method, path and success status. */
  readonly http?: string;
  readonly key?: 'required';
}

interface EventShape {
  readonly version: number;
  readonly key: string;
  readonly data: JsonSchema;
  /** The versions that `upcast` can read. */
  readonly upcast: readonly number[];
}

/** Describes a contract for {@link breakingChanges}, as plain JSON: the same text for the same contract. */
export function shapeOf(contract: AnyContract): ContractShape {
  const { compiled } = compileContract(contract);
  const byName = <T>(entries: Iterable<readonly [string, T]>) => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    name: contract.name,
    operations: byName(
      [...compiled.operations].map(([name, { operation, input, output, errors, http }]): [string, OperationShape] => [
        name,
        {
          kind: operation.kind,
          input: input.jsonSchema,
          output: output.jsonSchema,
          errors: byName([...errors].map(([error, { status, data }]) => [error, { status, data: data.jsonSchema }] as const)),
          ...(http ? { http: `${http.method} ${http.path} ${http.status}` } : {}),
          ...(operation.key === undefined ? {} : { key: operation.key }),
        },
      ]),
    ),
    events: byName(
      [...compiled.events].map(([name, { event, codec }]): [string, EventShape] => [
        name,
        {
          version: event.version,
          key: event.key,
          data: codec.jsonSchema,
          upcast: Object.keys((event as EventRef).upcast ?? {}).map(Number),
        },
      ]),
    ),
  };
}

/**
 * Lists the changes in `next` that break code that was built with `deployed`: callers, which send what the old contract requires and
 * read what it promises; consumers of events, which read what the next version publishes; and the consumers of the next version, which
 * read events that were published before. A new version of an event is listed too: it is correct when every consumer is deployed first.
 * docs/deploying.md has the table.
 * @returns sentences, each with the place and the problem; empty when every change only adds
 */
export function breakingChanges(deployed: ContractShape, next: ContractShape): string[] {
  const found: string[] = [];
  for (const [name, old] of Object.entries(deployed.operations)) {
    const fresh = next.operations[name];
    const at = `${deployed.name}.${name}`;
    if (fresh) found.push(...operationChanges(at, old, fresh));
    else found.push(`${at} is gone: callers get UnknownOperation`);
  }
  for (const [name, old] of Object.entries(deployed.events)) {
    const fresh = next.events[name];
    const at = `event ${deployed.name}.${name}`;
    if (fresh) found.push(...eventChanges(at, old, fresh));
    else found.push(`${at} is gone: its consumers hear nothing more`);
  }
  return found;
}

function operationChanges(at: string, old: OperationShape, fresh: OperationShape): string[] {
  const found: string[] = [];
  if (old.kind !== fresh.kind) found.push(`${at} was a ${old.kind} and is a ${fresh.kind}`);
  if (old.http !== undefined && old.http !== fresh.http)
    found.push(
      `${at} answered at '${old.http}'${fresh.http === undefined ? ', and not over HTTP any more' : ` and does at '${fresh.http}'`}`,
    );
  if (fresh.key === 'required' && old.key !== 'required') found.push(`${at} wants an idempotency key now`);
  const input = fitProblems(old.input, fresh.input, { filled: false, strict: true, newer: 'to' });
  found.push(...input.map((problem) => `${at}, input${problem}: callers are refused`));
  // Callers of an operation without an output ignore an answer.
  const output = isNothing(old.output) ? [] : fitProblems(fresh.output, old.output, { filled: true, strict: false });
  found.push(...output.map((problem) => `${at}, output${problem}: callers get what they do not expect`));
  for (const [name, { status, data }] of Object.entries(fresh.errors)) {
    const known = old.errors[name];
    if (!known) continue;
    if (known.status !== status) found.push(`${at}, failure '${name}' had status ${known.status} and has ${status}`);
    const problems = fitProblems(data, known.data, { filled: true, strict: false });
    found.push(...problems.map((problem) => `${at}, failure '${name}'${problem}: callers get what they do not expect`));
  }
  return found;
}

function eventChanges(at: string, old: EventShape, fresh: EventShape): string[] {
  if (fresh.version < old.version) return [`${at} was in version ${old.version} and is in ${fresh.version}: versions count up`];
  const found: string[] = [];
  if (fresh.key !== old.key) found.push(`${at} was kept in order by '${old.key}' and is by '${fresh.key}'`);
  if (fresh.version > old.version) {
    found.push(`${at} goes from version ${old.version} to ${fresh.version}: deploy every consumer before the service that publishes it`);
    return [...found, ...olderVersions(at, old, fresh)];
  }
  const news = fitProblems(fresh.data, old.data, { filled: true, strict: true, newer: 'from' });
  found.push(...news.map((problem) => `${at}${problem}: consumers refuse it; give it a new version`));
  // Events are kept: consumers read after a deployment what was published before it.
  const told = new Set(news.map(fieldOf));
  for (const problem of fitProblems(old.data, fresh.data, { filled: true, strict: true, newer: 'to' }))
    if (!told.has(fieldOf(problem)))
      found.push(`${at}${problem}: what was published before is refused; give it a new version with 'upcast'`);
  return [...found, ...olderVersions(at, old, fresh)];
}

/** Checks whether events of earlier versions can still be read. */
function olderVersions(at: string, old: EventShape, fresh: EventShape): string[] {
  if (fresh.upcast.length > 0) {
    const missing = Array.from({ length: fresh.version - old.version }, (_, n) => old.version + n).filter(
      (from) => !fresh.upcast.includes(from),
    );
    return missing.map((from) => `${at} has no 'upcast' from version ${from}`);
  }
  if (old.upcast.length > 0)
    return [`${at} has no 'upcast' any more: what was published in version ${old.upcast.join(', ')} is not brought up to date`];
  if (fresh.version === old.version) return [];
  return fitProblems(old.data, fresh.data, { filled: true, strict: true, newer: 'to' }).map(
    (problem) => `${at}${problem}: what was published in version ${old.version} is refused; give 'upcast' a step from it`,
  );
}

/** Returns the field that a problem is about. */
const fieldOf = (problem: string): string => /^, field '[^']*'/.exec(problem)?.[0] ?? '';

/** The schema of an operation that declares no output. */
const isNothing = (schema: JsonSchema): boolean => schema['type'] === 'null' && Object.keys(schema).length === 1;
