import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { coerceQuery, compileQuery, parseQuery } from './query-string.ts';

describe('parseQuery', () => {
  it('gives the pairs in their order, repeated names too', () => {
    expect(parseQuery('b=2&a=1&b=3')).toEqual({
      ok: true,
      pairs: [
        ['b', '2'],
        ['a', '1'],
        ['b', '3'],
      ],
    });
  });

  it('reads a plus as a space and decodes UTF-8', () => {
    expect(parseQuery('q=caf%C3%A9+au%20lait%2B')).toEqual({ ok: true, pairs: [['q', 'café au lait+']] });
  });

  it('takes a name alone, an empty value and an equals sign in the value', () => {
    expect(parseQuery('a&b=&c=d=e')).toEqual({
      ok: true,
      pairs: [
        ['a', ''],
        ['b', ''],
        ['c', 'd=e'],
      ],
    });
  });

  it('skips empty pieces', () => {
    expect(parseQuery('')).toEqual({ ok: true, pairs: [] });
    expect(parseQuery('&&a=1&')).toEqual({ ok: true, pairs: [['a', '1']] });
  });

  it.each([
    ['bytes that are not UTF-8', 'a=%ff'],
    ['overlong UTF-8', 'a=%c0%af'],
    ['an encoded surrogate', 'a=%ed%a0%80'],
    ['a percent sign alone', 'a=100%'],
    ['a broken escape in a name', '%zz=1'],
    ['NUL', 'a=%00'],
    ['__proto__', '__proto__=1'],
    ['__proto__ behind an escape', '__pr%6Fto__=1'],
    ['__proto__ in brackets', 'a[__proto__][b]=1'],
    ['__proto__ behind a dot', 'a.__proto__.b=1'],
    ['constructor.prototype', 'constructor[prototype][b]=1'],
    ['more than 100 pairs', 'a=1&'.repeat(101)],
    ['more than 8 kB', `a=${'x'.repeat(8 * 1024)}`],
  ])('refuses %s', (_, raw) => {
    expect(parseQuery(raw)).toMatchObject({ ok: false });
  });

  it('accepts exactly 100 pairs and exactly 8 kB', () => {
    expect(parseQuery('a=1&'.repeat(100))).toMatchObject({ ok: true });
    expect(parseQuery(`a=${'x'.repeat(8 * 1024 - 2)}`)).toMatchObject({ ok: true });
  });

  it('gives back what URLSearchParams wrote', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !/\0|__proto__|prototype/.test(value));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 20 }), (pairs) => {
        const written = new URLSearchParams(pairs).toString();
        expect(parseQuery(written)).toEqual({ ok: true, pairs });
      }),
    );
  });

  it('never throws, whatever the text', () => {
    const bits = fc.constantFrom(...'&=+%[]._'.split(''), '%C3', '%A9', '%00', 'proto', '__', 'a', 'é');
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 20 }), (parts) => {
        const raw = parts.join('');
        const result = parseQuery(raw);
        if (result.ok && !raw.includes('%')) expect(result.pairs).toEqual([...new URLSearchParams(raw)]);
      }),
    );
  });
});

const object = (properties: Record<string, unknown>) => ({ type: 'object', properties });
const coerced = (raw: string, properties: Record<string, unknown>) => {
  const parsed = parseQuery(raw);
  if (!parsed.ok) throw new Error(parsed.detail);
  const { value, issues } = coerceQuery(parsed.pairs, object(properties));
  return { value: { ...value }, issues };
};

describe('coerceQuery', () => {
  it('makes numbers and booleans where the schema says so, and leaves text alone', () => {
    const properties = { page: { type: 'integer' }, price: { type: 'number' }, open: { type: 'boolean' }, q: { type: 'string' } };
    expect(coerced('page=3&price=-1.5e2&open=true&q=7', properties)).toEqual({
      value: { page: 3, price: -150, open: true, q: '7' },
      issues: [],
    });
  });

  it('leaves what cannot be coerced as text, so that validation names the field', () => {
    const properties = {
      a: { type: 'integer' },
      b: { type: 'number' },
      c: { type: 'boolean' },
      d: { type: 'integer' },
      e: { type: 'number' },
    };
    expect(coerced('a=x&b=0x10&c=1&d=&e=1e999', properties)).toEqual({
      value: { a: 'x', b: '0x10', c: '1', d: '', e: '1e999' },
      issues: [{ path: 'e', message: 'this number is too large' }],
    });
  });

  it('makes an array of one or more where the schema says array', () => {
    const properties = {
      tag: { type: 'array', items: { type: 'string' } },
      n: { type: 'array', items: { type: 'integer' } },
      x: { type: 'array' },
    };
    expect(coerced('tag=a&n=1&n=2&x=1', properties)).toEqual({ value: { tag: ['a'], n: [1, 2], x: ['1'] }, issues: [] });
  });

  it('reports a repeated name where a single value is expected, also for an unknown name', () => {
    expect(coerced('a=1&a=2&u=1&u=1', { a: { type: 'integer' } }).issues.map((issue) => issue.path)).toEqual(['a', 'u']);
  });

  it('reports a number that would be rounded', () => {
    expect(coerced('n=0.1234567890123456789', { n: { type: 'number' } }).issues).toMatchObject([{ path: 'n' }]);
    expect(coerced('id=9007199254740993', { id: { type: 'integer' } })).toMatchObject({
      value: { id: '9007199254740993' },
      issues: [{ path: 'id' }],
    });
    expect(coerced('id=1&id=9007199254740992', { id: { type: 'array', items: { type: 'integer' } } })).toMatchObject({
      issues: [{ path: 'id.1' }],
    });
  });

  it('prefers text where any text fits, and otherwise the type that fits', () => {
    const limit = { anyOf: [{ type: 'number' }, { type: 'string', const: 'all' }] };
    expect(coerced('limit=5', { limit }).value).toEqual({ limit: 5 });
    expect(coerced('limit=all', { limit }).value).toEqual({ limit: 'all' });
    expect(coerced('limit=5', { limit: { type: ['integer', 'string'] } }).value).toEqual({ limit: '5' });
    expect(coerced('limit=5', { limit: {} }).value).toEqual({ limit: '5' });
  });

  it('takes one value or many where the schema takes both', () => {
    const tag = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] };
    expect(coerced('tag=a', { tag }).value).toEqual({ tag: 'a' });
    expect(coerced('tag=a&tag=b', { tag }).value).toEqual({ tag: ['a', 'b'] });
  });

  it('coerces unknown names by additionalProperties', () => {
    const coerce = compileQuery({ type: 'object', additionalProperties: { type: 'integer' } });
    expect({ ...coerce([['any', '1']]).value }).toEqual({ any: 1 });
  });

  it('ends on a schema that contains itself', () => {
    const tree = { $ref: '#/$defs/tree' };
    const schema = {
      type: 'object',
      properties: { tree, a: { $ref: '#' } },
      $defs: { tree: { anyOf: [tree, { type: 'array', items: tree }] } },
    };
    expect({ ...coerceQuery([['tree', '1']], schema).value }).toEqual({ tree: ['1'] });
  });

  it('gives an object without a prototype', () => {
    const { value } = coerceQuery(
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
        ['toString', 'z'],
      ],
      object({}),
    );
    expect(Object.getPrototypeOf(value)).toBe(null);
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(({} as Record<string, unknown>).x).toBe(undefined);
  });

  it('gives zod the types of its schema', () => {
    const schema = z.object({
      page: z.int().min(1).default(1),
      limit: z.number().optional(),
      open: z.boolean().nullable(),
      sort: z.enum(['up', 'down']),
      tags: z.array(z.string()).max(3),
      size: z.union([z.literal(10), z.literal(20)]),
      email: z.string().regex(/@/).regex(/x/),
      colours: z.array(z.string()).nullable(),
    });
    const coerce = compileQuery(z.toJSONSchema(schema, { io: 'input' }));
    const parsed = parseQuery('page=2&limit=2.5&open=false&sort=up&tags=7&size=20&email=x%40y&colours=red');
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(schema.parse(coerce(parsed.pairs).value)).toEqual({
      page: 2,
      limit: 2.5,
      open: false,
      sort: 'up',
      tags: ['7'],
      size: 20,
      email: 'x@y',
      colours: ['red'],
    });
  });

  it('finds the properties of every branch of a union', () => {
    const schema = z.discriminatedUnion('by', [
      z.object({ by: z.literal('page'), page: z.int() }),
      z.object({ by: z.literal('cursor'), cursor: z.string(), page: z.boolean().optional() }),
    ]);
    const coerce = compileQuery(z.toJSONSchema(schema, { io: 'input' }));
    expect({
      ...coerce([
        ['by', 'page'],
        ['page', '3'],
      ]).value,
    }).toEqual({ by: 'page', page: 3 });
    expect({
      ...coerce([
        ['by', 'cursor'],
        ['page', 'true'],
        ['cursor', '3'],
      ]).value,
    }).toEqual({ by: 'cursor', page: true, cursor: '3' });
  });

  it('reads back every number as JSON writes it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger()), (number) => {
        const text = JSON.stringify(number);
        if (/^-?\d+$/.test(text) && !Number.isSafeInteger(number)) return;
        expect(coerceQuery([['n', text]], object({ n: { type: 'number' } })).value.n).toBe(number === 0 ? 0 : number);
      }),
    );
  });
});
