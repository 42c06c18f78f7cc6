import type { JsonSchema } from './schema.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Writes a decoded value in one form, independent of the order of its fields and without fields that hold their default. So a
 * request stays the same when a deployment adds a field with a default. A default inside a union stays in the text.
 * @param schema the JSON Schema of the value's codec
 */
export const canonicalInput = (schema: JsonSchema, value: unknown): string => JSON.stringify(canonical(schema, value, schema) ?? null);

function canonical(schema: JsonSchema, value: unknown, root: JsonSchema): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { properties, additionalProperties, items } = followed(schema, root);
  if (Array.isArray(value)) return value.map((element) => canonical(fieldsOf(items), element, root));
  const known = fieldsOf(properties);
  const further = fieldsOf(additionalProperties);
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(value).sort()) {
    const field = fieldsOf(Object.hasOwn(known, name) ? known[name] : further);
    const own = canonical(field, (value as JsonObject)[name], root);
    if (!('default' in field) || JSON.stringify(own) !== JSON.stringify(canonical(field, field['default'], root)))
      Object.defineProperty(kept, name, { value: own, enumerable: true });
  }
  return kept;
}

const fieldsOf = (node: unknown): JsonObject => (typeof node === 'object' && node !== null ? (node as JsonObject) : {});

function followed(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const path = reference.split('/').slice(1);
  return fieldsOf(path.reduce<unknown>((at, part) => fieldsOf(at)[part], root));
}
