import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { z } from 'zod';
import type { Issue } from '../errors/index.ts';
import { encodeJson, JsonError } from '../platform/index.ts';
import { isSchema, notSchema, sidesOf, usageProblems, validateNow } from './boundary.ts';
import type { JsonSchema, Schema } from './standard.ts';

export type { In, JsonSchema, Out, Schema } from './standard.ts';

/** The result of {@link Codec.decode}: the value, or what does not fit. */
export type Decoded = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly Issue[] };

/** A compiled schema for the hot path: it validates and copies in one call. */
export interface Codec {
  /** Validates `value` and returns a copy that shares nothing with it, as if it had been sent as JSON. */
  decode(value: unknown): Decoded;
  readonly jsonSchema: JsonSchema;
  /** The schemas of the input and of the output, for {@link mask}: a secret may be marked in only one of them. */
  readonly shapes: readonly JsonSchema[];
}

/**
 * Marks a field as a secret: its value is masked in the admin interface and on the command line. The store keeps the value, because a
 * repeated step needs it: so put tokens there, and never what a token stands for.
 * @example
 * const charge = command({ input: z.object({ orderId: z.string(), cardToken: secret(z.string()) }) });
 */
export function secret<T extends z.ZodType>(schema: T): T {
  return schema.meta({ secret: true }) as T;
}

/** The codec of an operation without input or output. */
export const NOTHING: Codec = { decode: () => ({ ok: true, value: undefined }), jsonSchema: { type: 'null' }, shapes: [{ type: 'null' }] };

/**
 * Compiles a boundary schema. The schema must be synchronous, JSON on both sides and idempotent, because a value crosses several
 * boundaries and each one validates it.
 * @returns the codec, and every problem with the schema
 */
export function compileSchema(schema: Schema): { readonly codec: Codec; readonly problems: readonly string[] } {
  if (!isSchema(schema)) return { codec: NOTHING, problems: [notSchema(schema)] };
  const known = compiledSchemas.get(schema) ?? compiled(schema);
  compiledSchemas.set(schema, known);
  return known;
}

/** Schemas never change, and a schema appears at several boundaries: each is compiled once. */
const compiledSchemas = new WeakMap<Schema, { readonly codec: Codec; readonly problems: readonly string[] }>();

function compiled(schema: Schema): { codec: Codec; problems: readonly string[] } {
  const { input: jsonSchema, output, problems } = sidesOf(schema);
  const opaque = schema['~standard'].vendor !== 'zod' || allowsAnything(jsonSchema);
  const decode = (value: unknown): Decoded => {
    const given = opaque ? viaJson(value) : { ok: true as const, value };
    if (!given.ok) return given;
    const result = validated(schema, given.value);
    if (result.issues) return { ok: false, issues: result.issues.map(issueOf) };
    return { ok: true, value: result.value };
  };
  return {
    codec: { decode, jsonSchema, shapes: [jsonSchema, output] },
    problems: problems.length > 0 ? problems : usageProblems(schema, jsonSchema),
  };
}

function validated(schema: Schema, value: unknown): StandardSchemaV1.Result<unknown> {
  try {
    const result = validateNow(schema, value);
    return result === 'asynchronous' ? refused('the schema is asynchronous; a boundary schema must not be') : result;
  } catch (error) {
    // A check that throws does not accept the value. Its message may contain the value, so it is not repeated.
    return refused(`a check of the schema threw ${(error as Error)?.name ?? 'something'}`);
  }
}

const refused = (message: string): StandardSchemaV1.FailureResult => ({ issues: [{ message }] });

/** Whether some part of the schema accepts any value: then the validator does not copy that part, and a JSON round trip must. */
function allowsAnything(schema: unknown): boolean {
  if (schema === true) return true;
  if (typeof schema !== 'object' || schema === null) return false;
  if (Array.isArray(schema)) return schema.some(allowsAnything);
  const node = schema as Record<string, unknown>;
  const says = Object.keys(node).filter((key) => !['$schema', 'description', 'title', 'secret', 'default', 'examples'].includes(key));
  if (says.length === 0) return true;
  for (const key of ['items', 'anyOf', 'oneOf', 'allOf', 'prefixItems']) if (key in node && allowsAnything(node[key])) return true;
  if (node['additionalProperties'] !== undefined && node['additionalProperties'] !== false && allowsAnything(node['additionalProperties']))
    return true;
  for (const key of ['properties', 'patternProperties', '$defs']) {
    const children = node[key];
    if (typeof children === 'object' && children !== null && Object.values(children).some(allowsAnything)) return true;
  }
  return false;
}

/** Refuses a value that JSON cannot express: it would arrive as another value. */
function viaJson(value: unknown): Decoded {
  try {
    const text = encodeJson(value);
    return { ok: true, value: text === '' ? undefined : JSON.parse(text) };
  } catch (error) {
    if (error instanceof JsonError) return { ok: false, issues: [{ path: '', message: error.message }] };
    throw error;
  }
}

function issueOf(issue: StandardSchemaV1.Issue): Issue {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return { path, message: issue.message };
}
