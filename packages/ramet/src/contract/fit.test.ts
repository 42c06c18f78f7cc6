import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { fitProblems } from './fit.ts';
import { compileSchema } from './schema.ts';

/** A schema, and values that fit it as a caller would write them. */
interface Kind {
  readonly schema: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}

const WORDS = ['open', 'paid', 'lost'];
const leaf: fc.Arbitrary<Kind> = fc.oneof(
  fc.integer({ min: 0, max: 5 }).map((max): Kind => ({ schema: z.string().max(max), values: fc.string({ maxLength: max }) })),
  fc.integer({ min: 0, max: 5 }).map((min): Kind => ({ schema: z.int().min(min), values: fc.integer({ min, max: 9 }) })),
  fc.constant<Kind>({ schema: z.number(), values: fc.integer().map((n) => n / 4) }),
  fc.constant<Kind>({ schema: z.boolean(), values: fc.boolean() }),
  fc
    .subarray(WORDS, { minLength: 1 })
    .map((words): Kind => ({ schema: z.enum(words as [string, ...string[]]), values: fc.constantFrom(...words) })),
);

const { kind } = fc.letrec<{ kind: Kind }>((tie) => ({
  kind: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    leaf.map(({ schema, values }): Kind => ({ schema: schema.nullable(), values: fc.option(values) })),
    fc.tuple(leaf, leaf).map(([a, b]): Kind => ({ schema: z.union([a.schema, b.schema]), values: fc.oneof(a.values, b.values) })),
    (tie('kind') as fc.Arbitrary<Kind>).map(({ schema, values }) => ({
      schema: z.array(schema),
      values: fc.array(values, { maxLength: 3 }),
    })),
    fc.tuple(tie('kind') as fc.Arbitrary<Kind>, tie('kind') as fc.Arbitrary<Kind>, fc.boolean()).map(([a, b, rest]): Kind => {
      const tuple = z.tuple([a.schema]);
      return {
        schema: rest ? tuple.rest(b.schema) : z.tuple([a.schema, b.schema]),
        values: rest
          ? fc.tuple(a.values, fc.array(b.values, { maxLength: 2 })).map(([first, others]) => [first, ...others])
          : fc.tuple(a.values, b.values),
      };
    }),
    fc.tuple(tie('kind') as fc.Arbitrary<Kind>, fc.constantFrom('any', 'enum', 'some')).map(([{ schema, values }, keys]): Kind => {
      const names = z.enum(['a', 'b']);
      if (keys === 'any') return { schema: z.record(z.string(), schema), values: fc.dictionary(fc.constantFrom('a', 'b', 'x'), values) };
      if (keys === 'some') return { schema: z.partialRecord(names, schema), values: fc.dictionary(fc.constantFrom('a', 'b'), values) };
      return { schema: z.record(names, schema), values: fc.record({ a: values, b: values }) };
    }),
    fc.tuple(tie('kind') as fc.Arbitrary<Kind>, leaf).map(
      ([{ schema, values }, further]): Kind => ({
        schema: z.object({ a: schema }).catchall(further.schema),
        values: fc.record({ a: values, c: further.values }, { requiredKeys: ['a'] }),
      }),
    ),
    fc.constantFrom('a', 'b', 'c').map(
      (last): Kind => ({
        schema: z.discriminatedUnion('a', [
          z.object({ a: z.literal('open') }),
          z.object({ a: z.literal('paid'), [last]: z.literal('paid') }),
        ]),
        values: fc.constantFrom({ a: 'open' }, { a: 'paid', [last]: 'paid' }),
      }),
    ),
    fc.constantFrom([/o/], [/o/, /p/], [/p/]).map(
      (patterns): Kind => ({
        schema: patterns.reduce((schema, pattern) => schema.regex(pattern), z.string()),
        values: fc.constantFrom('op', 'po'),
      }),
    ),
    fc
      .tuple(
        fc.boolean(),
        fc.dictionary(
          fc.constantFrom('a', 'b', 'c'),
          fc.tuple(tie('kind') as fc.Arbitrary<Kind>, fc.constantFrom('required', 'optional', 'default')),
        ),
      )
      .map(([strict, fields]): Kind => {
        const shape: Record<string, z.ZodType> = {};
        const values: Record<string, fc.Arbitrary<unknown>> = {};
        for (const [name, [field, presence]] of Object.entries(fields)) {
          const [fallback] = fc.sample(field.values, { numRuns: 1, seed: 1 });
          shape[name] =
            presence === 'required'
              ? field.schema
              : presence === 'optional'
                ? field.schema.optional()
                : field.schema.default(fallback as never);
          values[name] = field.values;
        }
        const required = Object.entries(fields).flatMap(([name, [, presence]]) => (presence === 'required' ? [name] : []));
        return { schema: strict ? z.strictObject(shape) : z.object(shape), values: fc.record(values, { requiredKeys: required }) };
      }),
  ),
}));

const json = (schema: z.ZodType) => compileSchema(schema).codec.jsonSchema;
const INPUT = { filled: false, strict: true };

test('where no problem is reported, every value that fits the old schema fits the new one', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.tuple(kind, kind).chain(([old, fresh]) => fc.tuple(fc.constant(old), fc.constant(fresh), old.values)),
      ([old, fresh, value]) => {
        if (fitProblems(json(old.schema), json(fresh.schema), INPUT).length > 0) return;
        compared++;
        expect(fresh.schema.safeParse(value).success, JSON.stringify([json(old.schema), json(fresh.schema), value])).toBe(true);
      },
    ),
    { numRuns: 3_000 },
  );
  // Most pairs say something: these are the ones that are left.
  expect(compared).toBeGreaterThan(30);
});

test('a schema fits itself without a problem', () => {
  fc.assert(
    fc.property(kind, ({ schema }) => {
      expect(fitProblems(json(schema), json(schema), INPUT)).toEqual([]);
      expect(compileSchema(schema).problems).toEqual([]);
    }),
  );
});
