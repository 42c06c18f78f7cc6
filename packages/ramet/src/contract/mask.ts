import type { JsonSchema } from './schema.ts';

type SchemaObject = Readonly<Record<string, unknown>>;

/** A schema or a part of it, and the whole schema in which its references are resolved. */
interface MaskedPlace {
  readonly node: SchemaObject;
  readonly root: SchemaObject;
}

/** The text that replaces a secret. */
const HIDDEN = '•••';
/** Deeper values are hidden completely: received JSON is never nested deeper. */
const DEPTH_MAX = 128;
/** Keywords under which other schemas describe the same value. */
const SAME_VALUE = ['anyOf', 'oneOf', 'allOf'] as const;
/** Keywords that this walk follows, or that cannot contain a schema. A secret below any other keyword hides the whole value. */
const FOLLOWED: ReadonlySet<string> = new Set([
  ...SAME_VALUE,
  '$ref',
  '$defs',
  'definitions',
  'properties',
  'patternProperties',
  'additionalProperties',
  'prefixItems',
  'items',
  'default',
  'examples',
  'enum',
  'const',
]);

/**
 * Copies `value` for people, with `•••` instead of every secret. If the schemas do not say whether a part is secret, it is hidden: a
 * field that none of them knows, a reference that leads nowhere, a keyword that cannot be followed.
 * @param schemas all schemas that may describe the value, such as those of each version. Without a schema everything is hidden.
 */
export function mask(value: unknown, schemas: readonly JsonSchema[]): unknown {
  return masked(
    value,
    schemas.map((schema) => ({ node: schema, root: schema })),
    0,
  );
}

function masked(value: unknown, places: readonly MaskedPlace[], depth: number): unknown {
  if (value === undefined) return undefined;
  const described = flattened(places);
  if (described === undefined || described.length === 0 || depth > DEPTH_MAX) return HIDDEN;
  if (typeof value !== 'object' || value === null) return described.some(({ node }) => mayBe(node, value)) ? value : HIDDEN;
  if (Array.isArray(value)) return value.map((element, index) => masked(element, elementsOf(described, index), depth + 1));
  const shown = {};
  for (const [name, field] of Object.entries(value))
    Object.defineProperty(shown, name, {
      value: masked(field, fieldOf(described, name), depth + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return shown;
}

/** Whether a field of an object is marked as a secret, or holds one. */
export function isSecretField(schemas: readonly JsonSchema[], name: string): boolean {
  const described = flattened(schemas.map((schema) => ({ node: schema, root: schema })));
  return described === undefined || flattened(fieldOf(described, name)) === undefined;
}

/** Lists every schema that describes the same value, with references resolved; undefined when one of them hides it. */
function flattened(places: readonly MaskedPlace[]): readonly MaskedPlace[] | undefined {
  const seen = new Set<SchemaObject>();
  const all: MaskedPlace[] = [];
  const open = [...places];
  for (let place = open.pop(); place; place = open.pop()) {
    const { node, root } = place;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node['secret'] === true || hidesElsewhere(node)) return undefined;
    const reference = node['$ref'];
    if (reference !== undefined) {
      const target = typeof reference === 'string' ? targetOf(reference, root) : undefined;
      if (!target) return undefined;
      open.push({ node: target, root });
    }
    const others = SAME_VALUE.flatMap((keyword) => schemasIn(node[keyword], root));
    open.push(...others);
    // A node that only refers to others does not describe fields.
    if (reference === undefined && others.length === 0) all.push(place);
    else if ('properties' in node || 'additionalProperties' in node || 'items' in node || 'prefixItems' in node) all.push(place);
  }
  return all;
}

function fieldOf(described: readonly MaskedPlace[], name: string): readonly MaskedPlace[] {
  return described.flatMap(({ node, root }) => {
    const known = fieldsOf(node['properties']);
    const own = Object.hasOwn(known, name) ? schemaIn(known[name], root) : [];
    const byPattern = Object.entries(fieldsOf(node['patternProperties'])).flatMap(([pattern, schema]) =>
      new RegExp(pattern).test(name) ? schemaIn(schema, root) : [],
    );
    if (own.length + byPattern.length > 0) return [...own, ...byPattern];
    return node['additionalProperties'] === undefined && isOpen(node) ? [{ node: {}, root }] : schemaIn(node['additionalProperties'], root);
  });
}

function elementsOf(described: readonly MaskedPlace[], index: number): readonly MaskedPlace[] {
  return described.flatMap(({ node, root }) => {
    const first = Array.isArray(node['prefixItems']) ? (node['prefixItems'] as unknown[])[index] : undefined;
    if (first !== undefined) return schemaIn(first, root);
    return node['items'] === undefined && isOpen(node) ? [{ node: {}, root }] : schemaIn(node['items'], root);
  });
}

/** Whether a node may describe a value that is not an object: data of an earlier version may have another type. */
function mayBe(node: SchemaObject, value: unknown): boolean {
  const types = node['type'];
  if (types === undefined) return true;
  const own = value === null ? 'null' : typeof value;
  return (Array.isArray(types) ? types : [types]).some((type) => (type === 'integer' ? 'number' : type) === own);
}

/** Whether a node accepts every value, as `z.unknown()` does: its author has declared that nothing in it is secret. */
const isOpen = (node: SchemaObject): boolean =>
  !('type' in node || 'properties' in node || 'patternProperties' in node || 'prefixItems' in node);

/** A boolean is a schema that accepts everything, or nothing. */
const schemaIn = (schema: unknown, root: SchemaObject): readonly MaskedPlace[] =>
  schema === true ? [{ node: {}, root }] : typeof schema === 'object' && schema !== null ? [{ node: schema as SchemaObject, root }] : [];

const schemasIn = (schemas: unknown, root: SchemaObject): readonly MaskedPlace[] =>
  Array.isArray(schemas) ? schemas.flatMap((schema) => schemaIn(schema, root)) : [];

const fieldsOf = (node: unknown): SchemaObject => (typeof node === 'object' && node !== null ? (node as SchemaObject) : {});

function targetOf(reference: string, root: SchemaObject): SchemaObject | undefined {
  if (!reference.startsWith('#')) return undefined;
  const parts = reference.split('/').slice(1);
  const target = parts.reduce<unknown>((at, part) => fieldsOf(at)[part.replaceAll('~1', '/').replaceAll('~0', '~')], root);
  return typeof target === 'object' && target !== null ? (target as SchemaObject) : undefined;
}

/** Whether a secret is marked in a place that this walk does not visit, such as the names of a record. */
const hidesElsewhere = (node: SchemaObject): boolean =>
  Object.entries(node).some(([keyword, child]) => !FOLLOWED.has(keyword) && hasSecret(child));

const hasSecret = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && ((node as SchemaObject)['secret'] === true || Object.values(node).some(hasSecret));

/** Keywords that contain possible values. */
const VALUES: ReadonlySet<string> = new Set(['default', 'examples', 'const', 'enum']);

/** Copies a schema without the possible values of its secrets: defaults, examples, enumerations. For documents that clients read. */
export const withoutSecrets = (schema: JsonSchema): JsonSchema => emptied(schema, false) as JsonSchema;

function emptied(node: unknown, hidden: boolean): unknown {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((each) => emptied(each, hidden));
  const secret = hidden || (node as SchemaObject)['secret'] === true;
  const kept = Object.entries(node).filter(([keyword]) => !(secret && VALUES.has(keyword)));
  return Object.fromEntries(
    kept.map(([keyword, child]) => {
      if (keyword !== 'properties') return [keyword, emptied(child, secret)];
      // Names of fields are not keywords.
      return [keyword, Object.fromEntries(Object.entries(fieldsOf(child)).map(([name, field]) => [name, emptied(field, secret)]))];
    }),
  );
}
