import { expect, test } from 'vitest';
import { z } from 'zod';
import { breakingChanges, shapeOf } from './compatible.ts';
import { command, contract, event, failure, query } from './contract.ts';
import type { Schema } from './schema.ts';

const Item = z.object({ sku: z.string(), quantity: z.int().min(1) });
const Placed = z.object({ orderId: z.string(), items: z.array(Item) });
const declared = {
  input: z.object({ items: z.array(Item), note: z.string().max(100).optional() }) as Schema,
  output: z.object({ orderId: z.string(), status: z.enum(['open', 'paid']), total: z.int().optional() }) as Schema,
  data: z.object({ sku: z.string() }) as Schema,
  event: Placed as Schema<any, any>,
  http: 'POST /orders',
  status: 422,
};

const shop = (changed: Partial<typeof declared> & { version?: number; key?: 'required'; without?: 'place' | 'Placed' } = {}) => {
  const given = { ...declared, ...changed };
  const place = command({
    ...{ input: given.input, output: given.output, http: given.http, errors: { Unknown: failure(given.status, given.data) } },
    ...(changed.key ? { key: changed.key } : {}),
  });
  return shapeOf(
    contract('shop', {
      commands: changed.without === 'place' ? {} : { place },
      queries: { ping: query({ input: z.object({}), output: z.object({}) }) },
      events: changed.without === 'Placed' ? {} : { Placed: event(given.event, { key: 'orderId', version: changed.version ?? 1 }) },
    }),
  );
};
const changes = (changed: Parameters<typeof shop>[0]) => breakingChanges(shop(), JSON.parse(JSON.stringify(shop(changed))));
const input = (shape: z.ZodRawShape) => ({ input: z.object({ items: z.array(Item), note: z.string().max(100).optional(), ...shape }) });
const output = (shape: z.ZodRawShape) => ({
  output: z.object({ orderId: z.string(), status: z.enum(['open', 'paid']), total: z.int().optional(), ...shape }),
});

test.each<[string, Parameters<typeof shop>[0]]>([
  ['nothing', {}],
  ['a new optional field of an input', input({ gift: z.boolean().optional() })],
  ['a new field of an input with a default', input({ gift: z.boolean().default(false) })],
  ['a field of an input that is not asked for any more', { input: z.object({ items: z.array(Item) }) }],
  ['a wider limit of an input', input({ note: z.string().max(1_000).optional() })],
  ['an input that takes another kind besides', input({ note: z.union([z.string(), z.int()]).optional() })],
  ['a new field of an output', output({ at: z.string() })],
  ['an output that is narrower', output({ status: z.enum(['open']), total: z.int() })],
  ['a new field of an event', { event: Placed.extend({ channel: z.string() }) }],
])('%s breaks nobody', (_, changed) => {
  expect(changes(changed)).toEqual([]);
});

test.each<[string, Parameters<typeof shop>[0], string]>([
  ['an operation that is gone', { without: 'place' }, 'shop.place is gone: callers get UnknownOperation'],
  ['an event that is gone', { without: 'Placed' }, 'event shop.Placed is gone: its consumers hear nothing more'],
  ['another route', { http: 'PUT /orders' }, "shop.place answered at 'POST /orders 200' and does at 'PUT /orders 200'"],
  ['a key that is wanted', { key: 'required' }, 'shop.place wants an idempotency key now'],
  ['a new required field of an input', input({ gift: z.boolean() }), "shop.place, input, field 'gift' is required: callers are refused"],
  [
    'another kind of a field of an input',
    { input: z.object({ items: z.array(Item.extend({ sku: z.int() })) }) },
    "shop.place, input, field 'items.*.sku' is string on one side and integer on the other: callers are refused",
  ],
  [
    'a tighter limit of an input',
    input({ note: z.string().max(50).optional() }),
    "shop.place, input, field 'note' has maxLength 50: callers are refused",
  ],
  [
    'an input that refuses what it passed over',
    { input: z.strictObject({ items: z.array(Item) }) },
    "shop.place, input, field 'note' is refused by a strict object: callers are refused",
  ],
  [
    'a field of an output that is gone',
    { output: z.object({ status: z.enum(['open', 'paid']) }) },
    "shop.place, output, field 'orderId' is not there any more: callers get what they do not expect",
  ],
  [
    'a field of an output that may be missing',
    output({ orderId: z.string().optional() }),
    "shop.place, output, field 'orderId' may be missing: callers get what they do not expect",
  ],
  [
    'a new value of an output',
    output({ status: z.enum(['open', 'paid', 'lost']) }),
    'shop.place, output, field \'status\' may be "lost": callers get what they do not expect',
  ],
  [
    'an output that may be null',
    output({ orderId: z.string().nullable() }),
    "shop.place, output, field 'orderId' is null on one side and string on the other: callers get what they do not expect",
  ],
  ['another status of a failure', { status: 409 }, "shop.place, failure 'Unknown' had status 422 and has 409"],
  [
    'other data of a failure',
    { data: z.object({ sku: z.int() }) },
    "shop.place, failure 'Unknown', field 'sku' is integer on one side and string on the other: callers get what they do not expect",
  ],
  [
    'another kind of a field of an event in the same version',
    { event: Placed.extend({ items: z.array(z.string()) }) },
    "event shop.Placed, field 'items.*' is string on one side and object on the other: consumers refuse it; give it a new version",
  ],
  [
    'a new version of an event',
    { version: 2 },
    'event shop.Placed goes from version 1 to 2: deploy every consumer before the service that publishes it',
  ],
])('%s is told', (_, changed, told) => {
  expect(changes(changed)).toEqual([told]);
});

test('a schema that contains itself is compared to its end', () => {
  const tree = (leaf: Schema): Schema => {
    const Node: z.ZodType = z.object({
      leaf: leaf as z.ZodType,
      get children() {
        return z.array(Node).optional();
      },
    });
    return Node;
  };
  const of = (leaf: z.ZodType) => shop({ input: tree(leaf) });
  expect(breakingChanges(of(z.string()), of(z.string()))).toEqual([]);
  expect(breakingChanges(of(z.string()), of(z.int()))[0]).toContain("input, field 'leaf' is string on one side and integer on the other");
});
