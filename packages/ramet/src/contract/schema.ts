import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import type { Issue } from '../errors/index.ts';

/** Any Standard Schema: zod, valibot, arktype and others give one. */
export type Schema<I = any, O = any> = StandardSchemaV1<I, O>;
/** What goes into a schema. */
export type In<T> = T extends Schema<infer I, any> ? I : void;
/** What comes out of a schema. */
export type Out<T> = T extends Schema<any, infer O> ? O : void;

export type JsonSchema = Readonly<Record<string, unknown>>;

export type Decoded = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly Issue[] };

/** A schema made ready for the hot path: validates and copies in one call. */
export interface Codec {
  /** Validates `value` and gives a copy that shares nothing with it, as if it had travelled as JSON. */
  decode(value: unknown): Decoded;
  readonly jsonSchema: JsonSchema;
  /** The schema of what comes in and of what comes out, for {@link mask}: a secret may be marked in one of them only. */
  readonly shapes: readonly JsonSchema[];
}

/**
 * Marks a field whose value people do not get to see: masked in the admin interface and on the command line. The store keeps
 * it as it is, because a step that is repeated needs it; so keep tokens there, and never what they stand for.
 */
export function secret<T extends z.ZodType>(schema: T): T {
  return schema.meta({ secret: true }) as T;
}

/** The codec of an operation without input or output. */
export const NOTHING: Codec = { decode: () => ({ ok: true, value: undefined }), jsonSchema: { type: 'null' }, shapes: [{ type: 'null' }] };

/**
 * Compiles a boundary schema. It must be synchronous, JSON on both sides and idempotent, because a value crosses more than
 * one boundary and each validates it.
 * @returns the codec, and what is wrong with the schema; an empty list when nothing is
 */
export function compileSchema(schema: Schema): { readonly codec: Codec; readonly problems: readonly string[] } {
  const known = compiledSchemas.get(schema) ?? compiled(schema);
  compiledSchemas.set(schema, known);
  return known;
}

/** Schemas never change, and one is met at several boundaries: each is compiled once. */
const compiledSchemas = new WeakMap<Schema, { readonly codec: Codec; readonly problems: readonly string[] }>();

function compiled(schema: Schema): { codec: Codec; problems: string[] } {
  const problems: string[] = [];
  const { input: jsonSchema, output } = toJsonSchema(schema, problems);
  const validate = schema['~standard'].validate;
  const opaque = schema['~standard'].vendor !== 'zod' || allowsAnything(jsonSchema);
  const decode = (value: unknown): Decoded => {
    const result = validate(opaque ? viaJson(value) : value);
    if (result instanceof Promise)
      return { ok: false, issues: [{ path: '', message: 'the schema is asynchronous; a boundary schema must not be' }] };
    if (result.issues) return { ok: false, issues: result.issues.map(issueOf) };
    return { ok: true, value: result.value };
  };
  return { codec: { decode, jsonSchema, shapes: [jsonSchema, output] }, problems };
}

function toJsonSchema(schema: Schema, problems: string[]): { input: JsonSchema; output: JsonSchema } {
  const std = schema['~standard'] as { jsonSchema?: { input(o: object): JsonSchema; output(o: object): JsonSchema } };
  try {
    if (schema instanceof z.ZodType) {
      const output = z.toJSONSchema(schema, { io: 'output' }) as JsonSchema;
      return { input: z.toJSONSchema(schema, { io: 'input' }) as JsonSchema, output };
    }
    if (std.jsonSchema) {
      const output = std.jsonSchema.output({ target: 'draft-2020-12' });
      return { input: std.jsonSchema.input({ target: 'draft-2020-12' }), output };
    }
    return { input: {}, output: {} };
  } catch (error) {
    problems.push(
      `${(error as Error).message}; a boundary schema is JSON on both sides: use text, numbers, booleans, arrays and objects (a date is z.iso.datetime())`,
    );
    return { input: {}, output: {} };
  }
}

/** Whether some part of the schema lets any value through: then the validator does not copy it, and a JSON round trip must. */
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
  for (const key of ['properties', '$defs']) {
    const children = node[key];
    if (typeof children === 'object' && children !== null && Object.values(children).some(allowsAnything)) return true;
  }
  return false;
}

function viaJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? undefined : JSON.parse(text);
}

function issueOf(issue: StandardSchemaV1.Issue): Issue {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return { path, message: issue.message };
}
