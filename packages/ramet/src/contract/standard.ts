import type { StandardSchemaV1 } from '@standard-schema/spec';

/** Any Standard Schema, as zod, valibot, arktype and others make it. */
export type Schema<I = any, O = any> = StandardSchemaV1<I, O>;
/** The input of a schema. */
export type In<T> = T extends Schema<infer I, any> ? I : void;
/** The output of a schema. */
export type Out<T> = T extends Schema<any, infer O> ? O : void;

/** A JSON Schema as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;
