import type { StandardSchemaV1 } from '@standard-schema/spec';

/** Any Standard Schema: zod, valibot, arktype and others give one. */
export type Schema<I = any, O = any> = StandardSchemaV1<I, O>;
/** What goes into a schema. */
export type In<T> = T extends Schema<infer I, any> ? I : void;
/** What comes out of a schema. */
export type Out<T> = T extends Schema<any, infer O> ? O : void;

export type JsonSchema = Readonly<Record<string, unknown>>;
