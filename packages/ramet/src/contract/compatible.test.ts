import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { breakingChanges, type ContractShape, shapeOf } from './compatible.ts';
import { command, contract, event, failure, query, type Upcasts } from './contract.ts';
import type { Schema } from './schema.ts';

const Item = z.object({ sku: z.string(), quantity: z.int().min(1) });
const input = { items: z.array(Item), note: z.string().max(100).optional(), channel: z.enum(['web', 'shop']) };
const output = { orderId: z.string(), status: z.enum(['open', 'paid']), total: z.int().optional() };
const data = { sku: z.string() };
const placed = { orderId: z.string(), items: z.array(Item), by: z.enum(['web', 'shop']), gift: z.string().optional(), sum: z.int().max(9) };

interface Changes {
  readonly input?: z.ZodRawShape;
  readonly strict?: true;
  readonly output?: z.ZodRawShape | 'none';
  readonly data?: z.ZodRawShape;
  readonly placed?: z.ZodRawShape;
  readonly kind?: 'query';
  readonly http?: string | { route: string; status: number } | undefined;
  readonly key?: 'required';
  readonly status?: number;
  readonly errors?: 'none' | 'more';
  readonly eventKey?: string;
  readonly version?: number;
  readonly upcast?: Upcasts;
  readonly without?: 'place' | 'Placed';
  readonly more?: true;
}

function shop(changes: Changes = {}): ContractShape {
  const shape = { ...input, ...changes.input };
  const errors =
    changes.errors === 'none' ? {} : { Unknown: failure(changes.status ?? 422, without({ ...data, ...changes.data }, z.object)) };
  const declare = (changes.kind === 'query' ? query : command) as (d: object) => any;
  const place = declare({
    input: without(shape, changes.strict ? z.strictObject : z.object),
    ...(changes.output === 'none' ? {} : { output: without({ ...output, ...changes.output }, z.object) }),
    errors: { ...errors, ...(changes.errors === 'more' ? { Closed: failure(409, z.object({})) } : {}) },
    ...('http' in changes ? (changes.http === undefined ? {} : { http: changes.http }) : { http: 'POST /orders' }),
    ...(changes.key ? { key: changes.key } : {}),
  });
  const schema = without({ ...placed, ...changes.placed }, z.object) as Schema<any, any>;
  const { version = 1, upcast, eventKey = 'orderId' } = changes;
  const Placed = event(schema, { key: eventKey as never, version, ...(upcast ? { upcast } : {}) });
  return shapeOf(
    contract('shop', {
      commands: changes.kind === 'query' || changes.without === 'place' ? {} : { place },
      queries: {
        ping: query({ input: z.object({}), output: z.object({}) }),
        ...(changes.kind === 'query' ? { place } : {}),
        ...(changes.more ? { list: query({ input: z.object({}), output: z.object({}) }) } : {}),
      },
      events: {
        ...(changes.without === 'Placed' ? {} : { Placed }),
        ...(changes.more ? { Paid: event(z.object({ orderId: z.string() }), { key: 'orderId' }) } : {}),
      },
    }),
  );
}

/** A field that is `undefined` is gone. */
const without = (shape: Record<string, unknown>, make: (shape: any) => z.ZodType): z.ZodType =>
  make(Object.fromEntries(Object.entries(shape).filter(([, schema]) => schema !== undefined)));
const gone = (field: string) => ({ [field]: undefined }) as unknown as z.ZodRawShape;

const REFUSED = 'callers are refused';
const UNEXPECTED = 'callers get what they do not expect';
const UNREAD = 'consumers refuse it; give it a new version';
const BEFORE = "what was published before is refused; give it a new version with 'upcast'";
const FIRST = 'event shop.Placed goes from version 1 to 2: deploy every consumer before the service that publishes it';

/** The subject, the change, and the problem that is reported: the rows of the table in docs/deploying.md. */
const ROWS: readonly (readonly [
  of: string,
  change: string,
  changes: { from?: Changes; to: Changes },
  problems?: string | readonly string[],
])[] = [
  ['operation', 'new', { to: { more: true } }],
  ['operation', 'gone', { to: { without: 'place' } }, 'shop.place is gone: callers get UnknownOperation'],
  ['operation', 'another kind', { to: { kind: 'query' } }, 'shop.place was a command and is a query'],
  ['route', 'new', { from: { http: undefined }, to: {} }],
  ['route', 'gone', { to: { http: undefined } }, "shop.place answered at 'POST /orders 200', and not over HTTP any more"],
  [
    'route',
    'another method or path',
    { to: { http: 'PUT /orders' } },
    "shop.place answered at 'POST /orders 200' and does at 'PUT /orders 200'",
  ],
  [
    'route',
    'another status of success',
    { to: { http: { route: 'POST /orders', status: 202 } } },
    "shop.place answered at 'POST /orders 200' and does at 'POST /orders 202'",
  ],
  ['idempotency key', 'required now', { to: { key: 'required' } }, 'shop.place wants an idempotency key now'],
  ['idempotency key', 'not required any more', { from: { key: 'required' }, to: {} }],

  ['input', 'a new optional field', { to: { input: { gift: z.boolean().optional() } } }],
  ['input', 'a new field with a default', { to: { input: { gift: z.boolean().default(false) } } }],
  ['input', 'a new required field', { to: { input: { gift: z.boolean() } } }, `shop.place, input, field 'gift' is required: ${REFUSED}`],
  ['input', 'a field gone', { to: { input: gone('channel') } }],
  [
    'input',
    'a field gone, of a strict object',
    { to: { input: gone('note'), strict: true } },
    `shop.place, input, field 'note' is refused by a strict object: ${REFUSED}`,
  ],
  [
    'input',
    'an optional field required',
    { to: { input: { note: z.string().max(100) } } },
    `shop.place, input, field 'note' may be missing: ${REFUSED}`,
  ],
  ['input', 'a required field optional', { to: { input: { channel: input.channel.optional() } } }],
  ['input', 'a wider limit', { to: { input: { note: z.string().max(1_000).optional() } } }],
  [
    'input',
    'a tighter limit',
    { to: { input: { note: z.string().max(50).optional() } } },
    `shop.place, input, field 'note' has maxLength 50: ${REFUSED}`,
  ],
  ['input', 'another type besides', { to: { input: { note: z.union([z.string(), z.int()]).optional() } } }],
  [
    'input',
    'another type of a nested field',
    { to: { input: { items: z.array(Item.extend({ sku: z.int() })) } } },
    `shop.place, input, field 'items.*.sku' is string on one side and integer on the other: ${REFUSED}`,
  ],
  ['input', 'a new value of an enumeration', { to: { input: { channel: z.enum(['web', 'shop', 'phone']) } } }],
  [
    'input',
    'a value of an enumeration gone',
    { to: { input: { channel: z.enum(['web']) } } },
    `shop.place, input, field 'channel' may be "shop": ${REFUSED}`,
  ],

  ['output', 'new, without a route', { from: { output: 'none', http: undefined }, to: { http: undefined } }],
  [
    'output',
    'gone',
    { to: { output: 'none', http: { route: 'POST /orders', status: 200 } } },
    `shop.place, output is null on one side and object on the other: ${UNEXPECTED}`,
  ],
  ['output', 'a new field', { to: { output: { at: z.string() } } }],
  [
    'output',
    'a field gone',
    { to: { output: gone('orderId') } },
    `shop.place, output, field 'orderId' is not there any more: ${UNEXPECTED}`,
  ],
  [
    'output',
    'a required field optional',
    { to: { output: { orderId: z.string().optional() } } },
    `shop.place, output, field 'orderId' may be missing: ${UNEXPECTED}`,
  ],
  ['output', 'an optional field required', { to: { output: { total: z.int() } } }],
  [
    'output',
    'a new value of an enumeration',
    { to: { output: { status: z.enum(['open', 'paid', 'lost']) } } },
    `shop.place, output, field 'status' may be "lost": ${UNEXPECTED}`,
  ],
  ['output', 'a value of an enumeration gone', { to: { output: { status: z.enum(['open']) } } }],
  [
    'output',
    'null besides',
    { to: { output: { orderId: z.string().nullable() } } },
    `shop.place, output, field 'orderId' is null on one side and string on the other: ${UNEXPECTED}`,
  ],
  [
    'output',
    'another type of a field',
    { to: { output: { orderId: z.int() } } },
    `shop.place, output, field 'orderId' is integer on one side and string on the other: ${UNEXPECTED}`,
  ],
  ['output', 'another limit', { to: { output: { total: z.int().max(5).optional() } } }],

  ['failure', 'new', { to: { errors: 'more' } }],
  ['failure', 'gone', { to: { errors: 'none' } }],
  ['failure', 'another status', { to: { status: 409 } }, "shop.place, failure 'Unknown' had status 422 and has 409"],
  ['failure', 'a new field of its data', { to: { data: { why: z.string() } } }],
  [
    'failure',
    'a field of its data gone',
    { to: { data: gone('sku') } },
    `shop.place, failure 'Unknown', field 'sku' is not there any more: ${UNEXPECTED}`,
  ],
  [
    'failure',
    'another type of its data',
    { to: { data: { sku: z.int() } } },
    `shop.place, failure 'Unknown', field 'sku' is integer on one side and string on the other: ${UNEXPECTED}`,
  ],

  ['event', 'new', { to: { more: true } }],
  ['event', 'gone', { to: { without: 'Placed' } }, 'event shop.Placed is gone: its consumers hear nothing more'],
  ['event', 'another key', { to: { eventKey: 'by' } }, "event shop.Placed was kept in order by 'orderId' and is by 'by'"],
  ['event', 'a new optional field', { to: { placed: { at: z.string().optional() } } }],
  ['event', 'a new field with a default', { to: { placed: { at: z.string().default('') } } }],
  ['event', 'a new required field', { to: { placed: { at: z.string() } } }, `event shop.Placed, field 'at' is required: ${BEFORE}`],
  [
    'event',
    'a required field gone',
    { to: { placed: gone('items') } },
    `event shop.Placed, field 'items' is not there any more: ${UNREAD}`,
  ],
  ['event', 'an optional field gone', { to: { placed: gone('gift') } }],
  [
    'event',
    'a required field optional',
    { to: { placed: { sum: z.int().max(9).optional() } } },
    `event shop.Placed, field 'sum' may be missing: ${UNREAD}`,
  ],
  [
    'event',
    'an optional field required',
    { to: { placed: { gift: z.string() } } },
    `event shop.Placed, field 'gift' may be missing: ${BEFORE}`,
  ],
  [
    'event',
    'a new value of an enumeration',
    { to: { placed: { by: z.enum(['web', 'shop', 'phone']) } } },
    `event shop.Placed, field 'by' may be "phone": ${UNREAD}`,
  ],
  [
    'event',
    'a value of an enumeration gone',
    { to: { placed: { by: z.enum(['web']) } } },
    `event shop.Placed, field 'by' may be "shop": ${BEFORE}`,
  ],
  ['event', 'a wider limit', { to: { placed: { sum: z.int().max(99) } } }, `event shop.Placed, field 'sum' has maximum 9: ${UNREAD}`],
  ['event', 'a tighter limit', { to: { placed: { sum: z.int().max(5) } } }, `event shop.Placed, field 'sum' has maximum 5: ${BEFORE}`],
  [
    'event',
    'another type of a nested field',
    { to: { placed: { items: z.array(z.string()) } } },
    `event shop.Placed, field 'items.*' is string on one side and object on the other: ${UNREAD}`,
  ],
  ['event', "a new version with 'upcast'", { to: { version: 2, placed: { at: z.string() }, upcast: { 1: (old) => old } } }, FIRST],
  [
    'event',
    "a new version without 'upcast', which older data does not fit",
    { to: { version: 2, placed: { at: z.string() } } },
    [FIRST, "event shop.Placed, field 'at' is required: what was published in version 1 is refused; give 'upcast' a step from it"],
  ],
  [
    'event',
    "'upcast' gone",
    { from: { version: 2, upcast: { 1: (old) => old } }, to: { version: 2 } },
    "event shop.Placed has no 'upcast' any more: what was published in version 1 is not brought up to date",
  ],
  [
    'event',
    'an earlier version',
    { from: { version: 3 }, to: { version: 2 } },
    'event shop.Placed was in version 3 and is in 2: versions count up',
  ],
];

test.each(ROWS.map(([of, change, ...row]) => ({ name: `${of}: ${change}`, row })))('$name', ({ row: [{ from, to }, problems] }) => {
  const deployed = JSON.parse(JSON.stringify(shop(from))) as ContractShape;
  expect(breakingChanges(deployed, shop(to))).toEqual(problems === undefined ? [] : [problems].flat());
});

test('an unchanged contract has no breaking changes', () => {
  expect(breakingChanges(shop(), shop())).toEqual([]);
});

test('the table in docs/deploying.md has these rows, with the same texts', () => {
  const page = readFileSync(new URL('../../../../docs/deploying.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (operation|route|idempotency key|input|output|failure|event) \| (.+?) \| (yes|no)\b/gm)];
  const problems = rows.map(([, of, change, breaks]) => `${of}: ${change?.replaceAll('`', "'")}: ${breaks}`);
  expect(problems).toEqual(ROWS.map(([of, change, , expected]) => `${of}: ${change}: ${expected === undefined ? 'no' : 'yes'}`));
});

test('the comparison of a schema that contains itself ends', () => {
  const tree = (leaf: z.ZodType) => {
    const Node: z.ZodType = z.object({
      leaf,
      get children() {
        return z.array(Node).optional();
      },
    });
    return { input: { tree: Node } };
  };
  expect(breakingChanges(shop(tree(z.string())), shop(tree(z.string())))).toEqual([]);
  expect(breakingChanges(shop(tree(z.string())), shop(tree(z.int())))[0]).toContain(
    "input, field 'tree.leaf' is string on one side and integer on the other",
  );
});
