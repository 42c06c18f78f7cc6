import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { isSecretField, mask, withoutSecrets } from './mask.ts';
import { compileSchema, secret } from './schema.ts';

const shapesOf = (schema: z.ZodType) => compileSchema(schema).codec.shapes;
const masked = (schema: z.ZodType, value: unknown) => mask(value, shapesOf(schema));
const token = secret(z.string());

describe('a secret is hidden', () => {
  const tree = z.object({
    get kids() {
      return z.array(tree).optional();
    },
    pin: token.optional(),
  });
  const cases: Record<string, [z.ZodType, unknown, unknown]> = {
    'in a record': [z.record(z.string(), token), { 'a.b': 'x' }, { 'a.b': '•••' }],
    'among the keys of a record': [z.record(token, z.number()), { x: 1 }, '•••'],
    'in a record by pattern': [z.looseRecord(z.string().regex(/^t/), token), { tx: 'x' }, { tx: '•••' }],
    'in a tuple': [z.tuple([z.number(), token]), [1, 'x'], [1, '•••']],
    'in the rest of a tuple': [z.tuple([z.number()], token), [1, 'x', 'y'], [1, '•••', '•••']],
    'in a schema that contains itself': [
      tree,
      { pin: 'x', kids: [{ pin: 'y', kids: [] }] },
      { pin: '•••', kids: [{ pin: '•••', kids: [] }] },
    ],
    'behind z.lazy': [z.object({ t: z.lazy(() => token) }), { t: 'x' }, { t: '•••' }],
    'in one branch of a union': [
      z.union([z.object({ a: token }), z.object({ a: z.string(), b: z.string() })]),
      { a: 'x', b: 'y' },
      { a: '•••', b: 'y' },
    ],
    'in an intersection': [z.intersection(z.object({ a: token }), z.object({ b: z.string() })), { a: 'x', b: 'y' }, { a: '•••', b: 'y' }],
    'in a catchall': [z.object({ a: z.string() }).catchall(token), { a: 'x', more: 'y' }, { a: 'x', more: '•••' }],
    'behind wrappers': [
      z.object({ t: token.min(1).optional().nullable().default('x').describe('d').readonly() }),
      { t: 'x' },
      { t: '•••' },
    ],
    'behind the input of a pipe': [z.object({ t: z.string().pipe(token) }), { t: 'x' }, { t: '•••' }],
    'under a name with a dot, or that of a prototype': [
      z.object({ 'a.b': token, constructor: token }),
      { 'a.b': 'x', constructor: 'y' },
      { 'a.b': '•••', constructor: '•••' },
    ],
    'as a schema with a name of its own': [z.object({ t: token.meta({ id: 'mask-test-token' }) }), { t: 'x' }, { t: '•••' }],
    'whole, whatever is in it': [z.object({ o: secret(z.object({ x: z.number() })) }), { o: { x: 1 } }, { o: '•••' }],
    'also where it is null': [z.object({ t: token.nullable() }), { t: null }, { t: '•••' }],
  };
  test.each(Object.entries(cases))('%s', (_, [schema, value, shown]) => {
    expect(masked(schema, value)).toEqual(shown);
  });
});

describe('a value that the schemas do not describe is hidden', () => {
  test('a field of an earlier version', () => {
    expect(masked(z.object({ id: z.string() }), { id: 'a', card: '4111' })).toEqual({ id: 'a', card: '•••' });
  });

  test('a field that had another type in an earlier version', () => {
    expect(masked(z.object({ card: z.object({ last4: z.string() }) }), { card: '4111' })).toEqual({ card: '•••' });
  });

  test('a value without any schema', () => {
    expect(mask({ a: 1 }, [])).toBe('•••');
  });

  test('a reference that leads nowhere, and a keyword that cannot be followed', () => {
    expect(mask('x', [{ $ref: 'https://elsewhere/schema' }])).toBe('•••');
    expect(mask('x', [{ $ref: '#/$defs/gone' }])).toBe('•••');
    expect(mask('x', [{ type: 'string', if: { secret: true } }])).toBe('•••');
  });

  test('but a schema that accepts every value shows it', () => {
    expect(masked(z.object({ any: z.unknown(), loose: z.looseObject({}) }), { any: { a: [1] }, loose: { b: 2 } })).toEqual({
      any: { a: [1] },
      loose: { b: 2 },
    });
  });

  test('and a field that one of several versions knows is shown, unless another one marks it as a secret', () => {
    const shapes = [
      ...shapesOf(z.object({ a: z.string() })),
      ...shapesOf(z.object({ b: z.string(), t: z.string() })),
      ...shapesOf(z.object({ t: token })),
    ];
    expect(mask({ a: 'x', b: 'y', t: 'z', c: 'w' }, shapes)).toEqual({ a: 'x', b: 'y', t: '•••', c: '•••' });
  });
});

test('no secret is shown in any combination of shapes, and everything else is shown', () => {
  /** A schema with a value that fits it: secrets read `hidden`, everything else `plain`. */
  interface Shape {
    schema: z.ZodType;
    value: unknown;
  }
  const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
    const below = tie('shape') as fc.Arbitrary<Shape>;
    const name = fc.constantFrom('a', 'b.c', 'secret', 'default', 'enum', 'items', '$ref', 'properties');
    return {
      shape: fc.oneof(
        { maxDepth: 5, depthSize: 'small' },
        fc.constant({ schema: z.literal('plain'), value: 'plain' }),
        fc.constantFrom<Shape>({ schema: token, value: 'hidden' }, { schema: secret(z.object({ x: z.string() })), value: { x: 'hidden' } }),
        below.map(({ schema, value }) => ({ schema: schema.optional(), value })),
        below.map(({ schema, value }) => ({ schema: schema.nullable().readonly(), value })),
        below.map(({ schema, value }) => ({ schema: z.array(schema), value: [value, value] })),
        below.map(({ schema, value }) => ({ schema: z.record(z.string(), schema), value: { 'any key': value } })),
        below.map(({ schema, value }) => ({ schema: z.lazy(() => schema), value })),
        below.map(({ schema, value }) => ({ schema: z.union([z.number(), schema]), value })),
        fc
          .tuple(below, below)
          .map(([one, other]) => ({ schema: z.tuple([one.schema as z.ZodType, other.schema]), value: [one.value, other.value] })),
        fc.tuple(name, below, below).map(([key, one, other]) => ({
          schema: z.intersection(z.object({ [key]: one.schema }), z.object({ other: other.schema })),
          value: { [key]: one.value, other: other.value },
        })),
        fc.tuple(name, below).map(([key, { schema, value }]) => ({ schema: z.object({ [key]: schema }), value: { [key]: value } })),
      ),
    };
  });
  const leaves = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value];
  const count = (value: unknown, what: string) => leaves(value).filter((leaf) => leaf === what).length;
  fc.assert(
    fc.property(shape, ({ schema, value }) => {
      const shown = masked(schema, value);
      expect(count(shown, 'hidden')).toBe(0);
      expect(count(shown, 'plain')).toBe(count(value, 'plain'));
      expect(count(shown, '•••')).toBe(count(value, 'hidden'));
    }),
    { numRuns: 500 },
  );
});

test('a document shows the shape of a secret, and no default, example or value of it', () => {
  const schema = z.object({
    t: secret(
      z
        .string()
        .default('hidden')
        .meta({ examples: ['hidden'] }),
    ),
    o: secret(z.object({ default: z.enum(['hidden']) })),
    plain: z.string().default('plain'),
  });
  const document = withoutSecrets(compileSchema(schema).codec.jsonSchema);
  expect(JSON.stringify(document)).not.toContain('hidden');
  expect(document).toMatchObject({
    properties: { t: { type: 'string' }, o: { properties: { default: { type: 'string' } } }, plain: { default: 'plain' } },
  });
});

test('isSecretField knows which fields are secrets', () => {
  const shapes = shapesOf(z.object({ id: z.string(), t: token.optional() }));
  expect([isSecretField(shapes, 'id'), isSecretField(shapes, 't')]).toEqual([false, true]);
});
