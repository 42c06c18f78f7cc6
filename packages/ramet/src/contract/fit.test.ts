import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { fitProblems } from './fit.ts';
import { compileSchema } from './schema.ts';

/** A schema, and values that fit it as somebody would write them. */
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

test('where nothing is told, what fits the old schema fits the new one', () => {
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
    { numRuns: 1_000 },
  );
  // Most pairs say something: these are the ones that are left, 40 to 70 of a thousand.
  expect(compared).toBeGreaterThan(15);
});

test('a schema fits itself', () => {
  fc.assert(
    fc.property(kind, ({ schema }) => {
      expect(fitProblems(json(schema), json(schema), INPUT)).toEqual([]);
    }),
  );
});
