import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import { samplesOf } from './sample.ts';
import type { JsonSchema, Schema } from './standard.ts';

/** The input and the output of a schema, as JSON Schema. */
interface Sides {
  readonly input: JsonSchema;
  readonly output: JsonSchema;
}

/** Types of zod that JSON does not have, and what to write instead. */
const NOT_JSON: Readonly<Record<string, string>> = {
  date: 'a Date is not JSON: declare z.iso.datetime(), and make the Date in the handler',
  bigint: 'a bigint is not JSON: declare z.int(), or text',
  map: 'a Map is not JSON: declare z.record()',
  set: 'a Set is not JSON: declare z.array()',
  symbol: 'a symbol is not JSON: declare text',
  undefined: 'undefined is not JSON: leave the field out, or make it .optional()',
  void: 'nothing is not JSON: leave the field out',
  nan: 'NaN is not JSON: declare z.number().nullable()',
  function: 'a function is not JSON: leave the field out',
  promise: 'a Promise is not JSON: declare what it resolves to',
  file: 'a file is not JSON: declare text, as z.base64()',
  custom: 'z.custom() and z.instanceof() say nothing that JSON Schema can: declare the fields, and .refine() them',
  transform:
    'a transform changes the value each time that it is validated, and a value is validated at each boundary: transform in the handler',
};

/** Whether a value is a schema, with a validator. The usual mistake is an object of schemas. */
export function isSchema(value: unknown): value is Schema {
  const standard = (value as { '~standard'?: { validate?: unknown } } | null | undefined)?.['~standard'];
  return typeof standard?.validate === 'function';
}

/** Describes a value that was given instead of a schema. */
export function notSchema(value: unknown): string {
  const what = value === null || typeof value !== 'object' ? `${JSON.stringify(value) ?? String(value)}` : 'a plain object';
  return `${what} is not a schema: write one, as z.object({ … })`;
}

/** Returns both sides of a schema, and every place in it that cannot cross a boundary. */
export function sidesOf(schema: Schema): Sides & { readonly problems: readonly string[] } {
  const nothing = { input: {}, output: {} };
  const found: string[] = [];
  try {
    const std = schema['~standard'] as { jsonSchema?: { input(o: object): JsonSchema; output(o: object): JsonSchema } };
    if (schema instanceof z.ZodType) {
      const plain = plainObjects(schema, []);
      if (plain.length > 0) return { ...nothing, problems: plain };
      const side = (io: 'input' | 'output') =>
        z.toJSONSchema(schema, {
          io,
          unrepresentable: 'any',
          override: ({ zodSchema, path }) => {
            const instead = NOT_JSON[zodSchema._zod.def.type];
            if (instead) found.push(`${at(fieldsOf(path))}${instead}`);
          },
        }) as JsonSchema;
      const sides = { input: side('input'), output: side('output') };
      if (found.length === 0) compareSides(sides.input, sides.output, [], found);
      return { ...sides, problems: [...new Set(found)] };
    }
    if (!std.jsonSchema) return { ...nothing, problems: [] };
    const target = { target: 'draft-2020-12' };
    const sides = { input: std.jsonSchema.input(target), output: std.jsonSchema.output(target) };
    compareSides(sides.input, sides.output, [], found);
    return { ...sides, problems: found };
  } catch (error) {
    const how = 'a boundary schema is JSON on both sides: use text, numbers, booleans, arrays and objects';
    return { ...nothing, problems: [`${(error as Error).message}; ${how}`] };
  }
}

/**
 * Finds problems that appear only when a schema is used: it is asynchronous, or its output is refused or changed when it is validated
 * again. It tries a few values that are made from the JSON Schema; where none of them fits, it finds nothing.
 */
export function usageProblems(schema: Schema, input: JsonSchema): string[] {
  for (const sample of samplesOf(input)) {
    const first = validated(schema, sample);
    if (first === 'asynchronous')
      return [
        `${at(asynchronousField(schema, sample))}it is validated asynchronously: boundaries validate synchronously, so do this check in the handler`,
      ];
    if (!('value' in first)) continue;
    const once = JSON.stringify(first.value);
    const again = once === undefined ? { refused: [] } : validated(schema, JSON.parse(once));
    if (again === 'asynchronous') continue;
    if ('refused' in again)
      return [
        `${at(again.refused)}its output for ${JSON.stringify(sample)} is refused when it is validated again, as happens at the next boundary: ${STABLE}`,
      ];
    if (JSON.stringify(again.value) !== once)
      return [
        `${at(difference(first.value, again.value))}it makes ${once} of ${JSON.stringify(sample)}, and of that ${JSON.stringify(again.value)}: ${STABLE}`,
      ];
  }
  return [];
}

const STABLE = 'a value is validated at each boundary, so a schema must not change what it has accepted; change it in the handler';

/**
 * Validates at once.
 * @throws what a check throws
 */
export function validateNow(schema: Schema, value: unknown): StandardSchemaV1.Result<unknown> | 'asynchronous' {
  if (schema instanceof z.ZodType) {
    // Through its standard interface, zod starts again, asynchronously, when a check throws.
    try {
      const { data, error } = schema.safeParse(value);
      return error ? { issues: error.issues } : { value: data };
    } catch (error) {
      if (error instanceof z.core.$ZodAsyncError) return 'asynchronous';
      throw error;
    }
  }
  const result = schema['~standard'].validate(value);
  if (!(result instanceof Promise)) return result;
  result.catch(() => {});
  return 'asynchronous';
}

type Validated = { readonly value: unknown } | { readonly refused: readonly string[] } | 'asynchronous';

function validated(schema: Schema, value: unknown): Validated {
  try {
    const result = validateNow(schema, value);
    if (result === 'asynchronous') return result;
    if (!result.issues) return { value: result.value };
    return { refused: (result.issues[0]?.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)) };
  } catch {
    // A check that throws for a sample may still accept real values; if not, it fails when it is used.
    return { refused: [] };
  }
}

/** Finds the first place where two values differ. */
function difference(one: unknown, other: unknown): string[] {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return [];
  const fields = other as Record<string, unknown>;
  for (const [name, value] of Object.entries(one))
    if (JSON.stringify(value) !== JSON.stringify(fields[name])) return [name, ...difference(value, fields[name])];
  return [];
}

/** Finds the asynchronous check, as far as fields of objects lead to it. */
function asynchronousField(schema: Schema, value: unknown): string[] {
  const shape = (schema as { shape?: Record<string, Schema> }).shape;
  if (!shape || typeof value !== 'object' || value === null) return [];
  for (const [name, field] of Object.entries(shape)) {
    const inside = (value as Record<string, unknown>)[name];
    if (validated(field, inside) === 'asynchronous') return [name, ...asynchronousField(field, inside)];
  }
  return [];
}

/** Finds places where the input and the output have different types. Otherwise the two sides of a schema have the same form. */
function compareSides(input: JsonSchema, output: JsonSchema, path: readonly string[], found: string[]): void {
  const [takes, makes] = [typesOf(input), typesOf(output)];
  if (takes && makes && !makes.every((type) => takes.includes(type))) {
    const change = `${takes.join(' or ')} goes in and ${makes.join(' or ')} comes out`;
    found.push(`${at(path)}${change}, which is refused at the next boundary: declare one of the two, and convert in the handler`);
    return;
  }
  for (const keyword of ['items', 'additionalProperties'])
    if (isNode(input[keyword]) && isNode(output[keyword])) compareSides(input[keyword], output[keyword], [...path, '*'], found);
  for (const keyword of ['anyOf', 'oneOf', 'allOf', 'prefixItems']) {
    const [before, after] = [input[keyword], output[keyword]];
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
      before.forEach((node, n) => {
        compareSides(node, after[n], keyword === 'prefixItems' ? [...path, `${n}`] : path, found);
      });
  }
  for (const keyword of ['properties', '$defs']) {
    const after = (output[keyword] ?? {}) as Record<string, JsonSchema>;
    for (const [name, node] of Object.entries((input[keyword] ?? {}) as Record<string, JsonSchema>))
      if (after[name]) compareSides(node, after[name], keyword === '$defs' ? path : [...path, name], found);
  }
}

function typesOf(node: JsonSchema): string[] | undefined {
  const alternatives = node['anyOf'] ?? node['oneOf'];
  const given = Array.isArray(alternatives) ? alternatives.map((one: JsonSchema) => typesOf(one)) : [[node['type']].flat()];
  const types = given.flatMap((each) => each ?? [undefined]);
  if (types.includes(undefined)) return undefined;
  return [...new Set(types.map((type) => (type === 'integer' ? 'number' : String(type))))];
}

const isNode = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Finds fields whose schema is an object of schemas. */
function plainObjects(schema: unknown, path: readonly string[], seen = new Set<unknown>()): string[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const { shape, element, innerType } = ((schema as z.ZodType)._zod?.def ?? {}) as {
    shape?: object;
    element?: unknown;
    innerType?: unknown;
  };
  if (!isSchema(schema)) return [`${at(path)}${notSchema(schema)}`];
  // A schema from a getter may contain itself.
  const fields = Object.entries(Object.getOwnPropertyDescriptors(shape ?? {})).filter(([, { get }]) => !get);
  return [
    ...fields.flatMap(([name, { value }]) => plainObjects(value, [...path, name], seen)),
    ...(element === undefined ? [] : plainObjects(element, [...path, '*'], seen)),
    ...(innerType === undefined ? [] : plainObjects(innerType, path, seen)),
  ];
}

const at = (path: readonly string[]): string => (path.length === 0 ? '' : `field '${path.join('.')}': `);

/** Lists the fields on a path of a JSON Schema. */
function fieldsOf(path: readonly (string | number)[]): string[] {
  const fields: string[] = [];
  for (let n = 0; n < path.length; n++) {
    const keyword = path[n];
    if (keyword === 'properties' || keyword === 'prefixItems') fields.push(String(path[++n]));
    else if (keyword === 'items' || keyword === 'additionalProperties') fields.push('*');
  }
  return fields;
}
