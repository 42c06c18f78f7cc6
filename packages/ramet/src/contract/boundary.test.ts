import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { compileSchema } from './schema.ts';
import type { Schema } from './standard.ts';

const problemsOf = (schema: unknown) => compileSchema(schema as Schema).problems;

test.each<[string, unknown, string[]]>([
  ['a pipe from text to a number', z.object({ a: z.string().pipe(z.coerce.number()) }), ["field 'a': string goes in and number comes out"]],
  ['stringbool', z.object({ a: z.array(z.stringbool()) }), ["field 'a.*': string goes in and boolean comes out"]],
  ['stringbool in a union', z.union([z.object({ a: z.stringbool() }), z.int()]), ["field 'a': string goes in and boolean comes out"]],
  [
    'a codec',
    z.object({ at: z.codec(z.string(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() }) }),
    ["field 'at': a Date is not JSON: declare z.iso.datetime()"],
  ],
  [
    'transforms and dates, all at once',
    z.object({ a: z.object({ b: z.array(z.string().transform(Number)) }), at: z.date() }),
    ["field 'at': a Date is not JSON", "field 'a.b.*': a transform changes the value"],
  ],
  [
    'what JSON has not',
    z.object({ a: z.bigint(), b: z.map(z.string(), z.int()), c: z.set(z.int()), d: z.instanceof(URL), e: z.undefined() }),
    ["field 'e': undefined is not JSON", "field 'd': z.custom()", "field 'c': a Set", "field 'b': a Map", "field 'a': a bigint"],
  ],
  ['text that grows', z.object({ a: z.object({ b: z.string().overwrite((text) => `${text}!`) }) }), ["field 'a.b': it makes "]],
  [
    'text that does not fit any more',
    z.object({
      a: z
        .string()
        .max(9)
        .overwrite((text) => text.padEnd(12)),
    }),
    ["field 'a': its output for "],
  ],
  ['preprocessing that counts up', z.object({ a: z.preprocess((given) => Number(given) + 1, z.number()) }), ["field 'a': it makes "]],
  [
    'an asynchronous check',
    z.object({ a: z.object({ b: z.string().refine(async () => true) }) }),
    ["field 'a.b': it is validated asynchronously"],
  ],
  ['an asynchronous check of a whole object', z.object({ a: z.int() }).refine(async () => true), ['it is validated asynchronously']],
  [
    'an asynchronous check behind a pattern',
    z.object({
      a: z
        .array(
          z
            .string()
            .regex(/zzz/)
            .refine(async () => true),
        )
        .optional(),
    }),
    ["field 'a': it is validated asynchronously"],
  ],
  [
    'an asynchronous check of one of several',
    z.union([z.object({ k: z.literal('a') }), z.object({ k: z.literal('b'), v: z.int().refine(async () => true) })]),
    ['it is validated asynchronously'],
  ],
  ['an object of schemas', { a: z.string() }, ['a plain object is not a schema: write one, as z.object({ … })']],
  [
    'an object of schemas in a field',
    z.object({ a: z.array(z.object({ b: { c: z.string() } as never })).optional() }),
    ["field 'a.*.b': a plain object is not a schema"],
  ],
  ['text', 'string', ['"string" is not a schema']],
  ['null', null, ['null is not a schema']],
])('%s is named with its place', (_, schema, expected) => {
  expect(problemsOf(schema)).toEqual(expected.map((text) => expect.stringContaining(text)));
});

const Tree: z.ZodType = z.object({
  leaf: z.iso.datetime(),
  get children() {
    return z.array(Tree).optional();
  },
});

test.each<[string, Schema]>([
  ['text that is trimmed and made small', z.object({ a: z.string().trim().toLowerCase(), b: z.string().normalize() })],
  ['a coerced number or boolean', z.object({ a: z.coerce.number(), b: z.coerce.boolean(), c: z.coerce.string() })],
  ['a pipe that keeps the kind', z.object({ a: z.email().pipe(z.string()), b: z.int().pipe(z.number()) })],
  [
    'defaults, also made ones',
    z.object({ a: z.string().default(() => String(Math.random())), b: z.string().catch('x'), c: z.string().prefault('q') }),
  ],
  ['preprocessing that is done once', z.object({ a: z.preprocess((given) => given ?? 'none', z.string()) })],
  ['any JSON', z.object({ a: z.json(), b: z.unknown(), c: z.any().optional() })],
  ['a schema that contains itself', Tree],
  ['a check that throws', z.object({ a: z.string().refine((text) => JSON.parse(text)) })],
  [
    'checks, unions, records',
    z
      .object({ a: z.union([z.string().min(3), z.int()]), b: z.record(z.enum(['x', 'y']), z.int()), c: z.tuple([z.uuid(), z.url()]) })
      .refine(() => true),
  ],
])('%s is right', (_, schema) => {
  expect(problemsOf(schema)).toEqual([]);
});

test('a check that throws refuses the value, and leaves no rejection behind', async () => {
  const unhandled: unknown[] = [];
  const hear = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', hear);
  const { codec } = compileSchema(z.object({ a: z.string().refine((text) => JSON.parse(text)) }));
  expect(codec.decode({ a: 'secret words' })).toEqual({
    ok: false,
    issues: [{ path: '', message: 'a check of the schema threw SyntaxError' }],
  });
  expect(codec.decode({ a: '1' })).toEqual({ ok: true, value: { a: '1' } });
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', hear);
  expect(unhandled).toEqual([]);
});

test('a schema of another library is checked by its standard interface', () => {
  const foreign = (validate: (value: unknown) => unknown, type = 'string') =>
    ({
      '~standard': { version: 1, vendor: 'other', validate, jsonSchema: { input: () => ({ type }), output: () => ({ type: 'string' }) } },
    }) as unknown as Schema;
  expect(problemsOf(foreign((value) => ({ value })))).toEqual([]);
  expect(problemsOf(foreign(async (value) => ({ value })))).toEqual([expect.stringContaining('validated asynchronously')]);
  expect(problemsOf(foreign((value) => ({ value: `${value}!` })))).toEqual([expect.stringContaining('it makes ')]);
  expect(problemsOf(foreign((value) => ({ value }), 'integer'))).toEqual([
    'number goes in and string comes out, which is refused at the next boundary: declare one of the two, and convert in the handler',
  ]);
});

test('a field that changes its type or is asynchronous is found at any depth', () => {
  const inside = fc.constantFrom<(schema: z.ZodType) => z.ZodType>(
    (schema) => z.object({ f: schema, other: z.string().optional() }),
    (schema) => z.array(schema),
    (schema) => schema.optional(),
    (schema) => schema.nullable(),
    (schema) => z.tuple([z.int(), schema]),
    (schema) => z.record(z.string(), schema),
    (schema) => z.union([z.object({ no: z.literal('no') }), schema]),
  );
  fc.assert(
    fc.property(fc.array(inside, { maxLength: 3 }), fc.constantFrom('kind', 'asynchronous'), (wraps, fault) => {
      const wrong = fault === 'kind' ? z.stringbool() : z.string().refine(async () => true);
      const wrapped = wraps.reduce<z.ZodType>((schema, wrap) => wrap(schema), wrong);
      const [problem] = problemsOf(z.object({ in: wrapped }));
      expect(problem).toContain(fault === 'kind' ? 'goes in and' : 'asynchronously');
    }),
    { numRuns: 300 },
  );
});
