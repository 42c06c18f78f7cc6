import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event, query } from '../contract/index.ts';
import { expose, gateway } from '../gateway/index.ts';
import { external, use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const None = z.object({});
const Orders = contract('orders', {
  commands: { place: command({ input: None }) },
  events: { Placed: event(z.object({ id: z.string() }), { key: 'id' }) },
});
const right = service(Orders).implement({ commands: { place: () => {} } });
const fulfil = saga('fulfil', { input: z.object({ id: z.string() }), key: 'id', uses: { orders: use(Orders) }, run: async () => {} });

/** Every problem that boot reports about a topology. The TypeScript compiler would report some of them too. */
async function problemsOf(services: object, gateways: object = {}): Promise<readonly string[]> {
  using folder = temporaryFolder();
  const profiles = { monolith: { store: sqlite(folder.path), bus: embedded() } };
  const error = await start(topology({ services, gateways, profiles } as never), { logLevel: 'silent' }).then(
    () => ({ problems: [] }),
    (thrown: { problems?: string[] }) => thrown,
  );
  if (!error.problems) throw error;
  return error.problems;
}
const service_ = (handlers: object, declared: object = {}) =>
  service(Orders, declared).implement({ commands: { place: () => {} }, ...handlers } as never);

test.each<[string, unknown, string]>([
  ['a contract', Orders, "is the contract 'orders': export service(Contract, { … }).implement({ … })"],
  ['a service without handlers', service(Orders), 'is a service without handlers (call .implement({ … }) on it)'],
  ['a plain object', { place: () => {} }, 'is a plain object: export service('],
  ['a gateway', gateway('web', { routes: [] }), 'is a gateway: export service('],
  ['a saga', fulfil, "is the saga 'fulfil': export service("],
  ['an import that is not a function', Promise.resolve({ default: right }), 'is a promise (name a module by a function that imports it)'],
  ['a function that answers nothing', async () => ({ default: null }), 'is null: export service('],
  [
    'a service of a plain contract',
    service({ name: 'orders', commands: {} } as never).implement({} as never),
    ': its contract is a plain object: write contract(',
  ],
  [
    'a contract in the place of use()',
    service_({}, { uses: { orders: Orders } }),
    ": uses 'orders' is the contract 'orders': write use(Contract) or external(",
  ],
  ['a use() of a service', service_({}, { uses: { orders: use(right as never) } }), ": uses 'orders' is a service: write use(Contract)"],
  ['nothing in the place of use()', service_({}, { uses: { orders: undefined } }), ": uses 'orders' is undefined: write use("],
  [
    'a handler that is not a function',
    service_({ commands: { place: { then: 1 } } }),
    ": the handler of 'place' is a plain object: write a function, prepared({ … }) or effect({ … })",
  ],
  [
    'a reaction to an event that the contract has not',
    service_({ reactions: (on: any) => [on((Orders.events as any).Plcaed, () => {})] }),
    ': reaction 1 is to undefined: write on(Contract.events.Name, …)',
  ],
  [
    'a reaction without a function',
    service_({ reactions: (on: any) => [on(Orders.events.Placed)] }),
    ": the reaction to 'Placed' is undefined: write a function",
  ],
  [
    'a plain object among the sagas',
    service_({ sagas: [{ name: 'fulfil' }] }),
    ": entry 1 of 'sagas' is a plain object: write saga('name', { … })",
  ],
  [
    'a contract in the uses of a saga',
    service_({ sagas: [{ ...fulfil, uses: { orders: Orders } }] }),
    ", saga 'fulfil': uses 'orders' is the contract 'orders': write use(",
  ],
  [
    'a saga that waits for a schema',
    service_({ sagas: [{ ...fulfil, waitsFor: [None] }] }),
    ", saga 'fulfil': 'waitsFor' names a schema: write Contract.events.Name",
  ],
])('%s in the place of a service is named', async (_, given, expected) => {
  expect(await problemsOf({ orders: given })).toEqual([
    expect.stringContaining(`service 'orders'${expected.startsWith('is') ? ' ' : ''}${expected}`),
  ]);
});

test.each<[string, unknown, string]>([
  ['a service', right, " is a service: export gateway('name', { routes: [ … ] })"],
  [
    'a contract among the routes',
    gateway('web', { routes: [Orders as never] }),
    ": entry 1 of 'routes' is the contract 'orders': write expose(), compose() or site()",
  ],
  [
    'an expose() of a service',
    gateway('web', { routes: [expose(right as never, { operations: {} })] }),
    ": entry 1 of 'routes' exposes a service: write expose(Contract, { … })",
  ],
])('%s in the place of a gateway is named', async (_, given, expected) => {
  expect(await problemsOf({ orders: right }, { web: given })).toEqual([`gateway 'web'${expected}`]);
});

test('every part of a contract that is not an operation, event, failure or schema is named, all at once', async () => {
  const Wrong = contract('wrong', {
    commands: {
      bare: None,
      plain: command({ input: { id: z.string() } as never }),
      asked: query({ input: None, output: None }),
      failing: command({ input: None, errors: { Gone: 404 as never, Lost: { status: 404, data: { id: z.string() } as never } } }),
      nothing: undefined,
    } as never,
    queries: { moved: command({ input: None }) } as never,
    events: { Bare: None as never, Nothing: undefined as never },
  });
  const handlers = { bare: () => {}, plain: () => {}, asked: () => {}, failing: () => {}, nothing: () => {} };
  const wrong = service(Wrong).implement({ commands: handlers, queries: { moved: () => {} } } as never);
  const at = (where: string, what: string) => `contract 'wrong', ${where}: ${what}`;
  const not = 'it is not made by command(), query() or stream(): write command({ input: z.object({ … }) })';
  expect(await problemsOf({ wrong })).toEqual([
    at("operation 'bare'", not),
    at("command 'plain'", 'input: a plain object is not a schema: write one, as z.object({ … })'),
    at("query 'asked'", "it is listed in 'commands': move it to 'queries'"),
    at("command 'failing'", "failure 'Gone' is not made by failure(): write failure(409, z.object({ … }))"),
    at("command 'failing'", "failure 'Lost': a plain object is not a schema: write one, as z.object({ … })"),
    at("operation 'nothing'", not),
    at("command 'moved'", "it is listed in 'queries': move it to 'commands'"),
    at("event 'Bare'", "it is not made by event(): write event(z.object({ … }), { key: '…' })"),
    at("event 'Nothing'", "it is not made by event(): write event(z.object({ … }), { key: '…' })"),
  ]);
});

test('what is right in shape has no such problem', async () => {
  const whole = service_(
    { sagas: [fulfil], reactions: (on: any) => [on(Orders.events.Placed, () => {})] },
    {
      uses: { self: use(Orders), bank: external('bank', { url: 'https://bank.example' }), mail: external('mail', { connect: () => ({}) }) },
    },
  );
  expect(await problemsOf({ orders: whole }, { web: gateway('web', { routes: [expose(Orders, { operations: {} })] }) })).toEqual([]);
});
