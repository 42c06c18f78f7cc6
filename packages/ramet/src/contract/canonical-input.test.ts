import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalInput } from './canonical-input.ts';
import { compileSchema } from './schema.ts';

const line = { sku: z.string(), quantity: z.int().default(1) };
const old = z.object({ lines: z.array(z.object(line)), note: z.string().optional() });
const fresh = z.object({
  gift: z.boolean().default(false),
  note: z.string().optional(),
  lines: z.array(z.object({ colour: z.string().default('any'), ...line })),
  wrap: z.object({ paper: z.string().default('brown') }).default({ paper: 'brown' }),
});
const said = (schema: z.ZodType, value: unknown) => {
  const { codec } = compileSchema(schema);
  const decoded = codec.decode(value);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.issues));
  return canonicalInput(codec.jsonSchema, decoded.value);
};
const requests = fc.record(
  {
    lines: fc.array(fc.record({ sku: fc.string(), quantity: fc.integer({ min: 0, max: 3 }) }, { requiredKeys: ['sku'] })),
    note: fc.string(),
  },
  { requiredKeys: ['lines'] },
);

test('a request has the same form before and after fields with a default were added and fields were reordered', () => {
  fc.assert(
    fc.property(requests, (request) => {
      expect(said(fresh, request)).toBe(said(old, request));
    }),
  );
});

test('values that differ in more than a default have different forms', () => {
  fc.assert(
    fc.property(requests, requests, (a, b) => {
      const same = JSON.stringify(old.parse(a)) === JSON.stringify(old.parse(b));
      expect(said(old, a) === said(old, b)).toBe(same);
    }),
  );
  expect(said(fresh, { lines: [], gift: true })).not.toBe(said(fresh, { lines: [] }));
});

test('an explicit default has the same form as an absent field', () => {
  expect(said(fresh, { lines: [{ sku: 'a', quantity: 1, colour: 'any' }], gift: false, wrap: { paper: 'brown' } })).toBe(
    said(fresh, { lines: [{ sku: 'a' }] }),
  );
});
