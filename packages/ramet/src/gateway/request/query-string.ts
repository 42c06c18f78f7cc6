import type { JsonSchema } from '../../contract/index.ts';
import type { Issue } from '../../errors/index.ts';
import { inexactness } from './exact-number.ts';
import { isReservedKey } from './json-body.ts';

/** A parameter of a query. */
export type QueryPair = readonly [name: string, value: string];
/** The parameters of a query, or why it was refused. */
export type ParsedQuery = { readonly ok: true; readonly pairs: readonly QueryPair[] } | { readonly ok: false; readonly detail: string };

const MAX_LENGTH = 8 * 1024;
const MAX_PAIRS = 100;

/**
 * Parses a query string as `application/x-www-form-urlencoded`, but strictly: the URL standard replaces bytes that are not UTF-8,
 * which this refuses, because another server might replace them differently.
 * @param raw the text after the first `?` of the request target; at most 8 kB and 100 pairs
 */
export function parseQuery(raw: string): ParsedQuery {
  if (raw.length > MAX_LENGTH) return { ok: false, detail: `The query is longer than ${MAX_LENGTH} bytes` };
  const pairs: QueryPair[] = [];
  for (const piece of raw.split('&')) {
    if (piece === '') continue;
    if (pairs.length >= MAX_PAIRS) return { ok: false, detail: `The query holds more than ${MAX_PAIRS} parameters` };
    const equals = piece.indexOf('=');
    const name = decode(equals === -1 ? piece : piece.slice(0, equals));
    const value = decode(equals === -1 ? '' : piece.slice(equals + 1));
    if (name === undefined || value === undefined) {
      return { ok: false, detail: `Parameter ${pairs.length + 1} of the query is not percent-encoded UTF-8` };
    }
    if (name.includes('\0') || value.includes('\0')) return { ok: false, detail: `Parameter ${pairs.length + 1} of the query holds NUL` };
    // Legacy servers behind a gateway read `a[__proto__][b]` and `a.__proto__.b` as paths.
    if (name.split(/[[\].]/).some(isReservedKey))
      return { ok: false, detail: `Parameter ${pairs.length + 1} of the query has a reserved name` };
    pairs.push([name, value]);
  }
  return { ok: true, pairs };
}

function decode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** A query with the types of its schema, as far as its text allows. */
export interface CoercedQuery {
  /** The object has no prototype, so that no name of a parameter has a meaning for JavaScript. */
  readonly value: Record<string, unknown>;
  readonly issues: readonly Issue[];
}

/** Coerces the parameters of a query to the types of a schema. */
export type QueryCoercer = (pairs: readonly QueryPair[]) => CoercedQuery;

/** Coerces one query as {@link compileQuery} does. */
export function coerceQuery(pairs: readonly QueryPair[], jsonSchema: JsonSchema): CoercedQuery {
  return compileQuery(jsonSchema)(pairs);
}

/**
 * Makes the function that turns the text of a query into the types of a JSON Schema: numbers and booleans as JSON writes
 * them, and arrays from repeated names. Text that cannot be coerced stays text, so that validation names the field. There are two
 * issues: a repeated name where the schema has a single value, because readers differ in which one they take, and a number that
 * would arrive changed.
 * @param jsonSchema the schema of an object; `$ref` into itself, `anyOf`, `oneOf` and `allOf` are followed
 */
export function compileQuery(jsonSchema: JsonSchema): QueryCoercer {
  const shapes = new Map<string, Shape>();
  let others = TEXT;
  for (const branch of branchesOf(jsonSchema, jsonSchema)) {
    for (const [name, schema] of Object.entries(isRecord(branch.properties) ? branch.properties : {})) {
      const shape = shapeOf(schema, jsonSchema);
      const before = shapes.get(name);
      shapes.set(name, before === undefined ? shape : either(before, shape));
    }
    if (isRecord(branch.additionalProperties)) others = shapeOf(branch.additionalProperties, jsonSchema);
  }

  return (pairs) => {
    const byName = new Map<string, string[]>();
    for (const [name, text] of pairs) {
      const texts = byName.get(name);
      if (texts === undefined) byName.set(name, [text]);
      else texts.push(text);
    }
    const value: Record<string, unknown> = Object.create(null);
    const issues: Issue[] = [];
    for (const [name, texts] of byName) {
      const shape = shapes.get(name) ?? others;
      const { items } = shape;
      if (items !== undefined && (texts.length > 1 || !shape.isScalar)) {
        value[name] = texts.map((text, i) => coerce(text, items, `${name}.${i}`, issues));
      } else {
        if (texts.length > 1) issues.push({ path: name, message: 'occurs more than once, but has a single value' });
        value[name] = coerce(texts[0] as string, shape, name, issues);
      }
    }
    return { value, issues };
  };
}

/** What a schema accepts, as far as it matters for text. */
interface Shape {
  /** Any text fits, so that nothing need be coerced. */
  readonly text: boolean;
  readonly number: boolean;
  readonly boolean: boolean;
  /** Whether a value fits that is not an array. */
  readonly isScalar: boolean;
  readonly items: Shape | undefined;
}

const NOTHING: Shape = { text: false, number: false, boolean: false, isScalar: false, items: undefined };
const TEXT: Shape = { ...NOTHING, text: true, isScalar: true };
const NUMBER: Shape = { ...NOTHING, number: true, isScalar: true };
const BOOLEAN: Shape = { ...NOTHING, boolean: true, isScalar: true };
/** A text from a list of texts: it need not be coerced, but a number beside it may need to be. */
const LISTED: Shape = { ...NOTHING, isScalar: true };

function either(a: Shape, b: Shape): Shape {
  return {
    text: a.text || b.text,
    number: a.number || b.number,
    boolean: a.boolean || b.boolean,
    isScalar: a.isScalar || b.isScalar,
    items: a.items === undefined ? b.items : b.items === undefined ? a.items : either(a.items, b.items),
  };
}

function shapeOf(schema: unknown, root: JsonSchema, isItem = false): Shape {
  const branches = branchesOf(schema, root);
  if (branches.length === 0) return TEXT;
  return branches.map((branch) => typedShape(branch, root, isItem)).reduce(either, NOTHING);
}

function typedShape(schema: JsonSchema, root: JsonSchema, isItem: boolean): Shape {
  const listed = 'const' in schema ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : undefined;
  const types = schema.type === undefined ? (listed ?? []).map((value) => typeof value) : [schema.type].flat();
  if (types.length === 0) return TEXT;
  return types
    .map((type): Shape => {
      if (type === 'string') return listed === undefined ? TEXT : LISTED;
      if (type === 'number' || type === 'integer') return NUMBER;
      if (type === 'boolean') return BOOLEAN;
      // A query cannot write null, an object, or an array in an array.
      if (type !== 'array' || isItem) return NOTHING;
      const items = [...(Array.isArray(schema.prefixItems) ? schema.prefixItems : []), schema.items].filter(isRecord);
      return { ...NOTHING, items: items.length === 0 ? TEXT : items.map((item) => shapeOf(item, root, true)).reduce(either, NOTHING) };
    })
    .reduce(either, NOTHING);
}

const OWN_WORDS = ['type', 'const', 'enum', 'properties', 'items'];

/**
 * Finds the alternatives of a schema that constrain something themselves, with references resolved.
 * @param followed the references so far: each is followed once, because the schema may contain itself
 */
function branchesOf(schema: unknown, root: JsonSchema, followed = new Set<string>()): JsonSchema[] {
  if (!isRecord(schema)) return [];
  if (typeof schema.$ref === 'string') {
    if (followed.has(schema.$ref)) return [];
    return branchesOf(resolve(schema.$ref, root), root, followed.add(schema.$ref));
  }
  const below = [schema.anyOf, schema.oneOf, schema.allOf].filter(Array.isArray).flat();
  const branches = below.flatMap((branch) => branchesOf(branch, root, followed));
  // The branches of a schema with a type narrow it, and only their properties matter here.
  return OWN_WORDS.some((word) => word in schema) ? [schema, ...branches.filter((branch) => 'properties' in branch)] : branches;
}

function resolve(ref: string, root: JsonSchema): unknown {
  if (!ref.startsWith('#')) return undefined;
  return ref
    .split('/')
    .slice(1)
    .reduce<unknown>((node, step) => {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      return isRecord(node) && Object.hasOwn(node, name) ? node[name] : undefined;
    }, root);
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function coerce(text: string, shape: Shape, path: string, issues: Issue[]): unknown {
  if (shape.text) return text;
  if (shape.number && JSON_NUMBER.test(text)) {
    const problem = inexactness(text);
    if (problem === undefined) return Number(text);
    issues.push({ path, message: problem });
  }
  if (shape.boolean && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
