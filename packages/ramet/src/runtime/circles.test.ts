import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { type AnyContract, command, contract, query } from '../contract/index.ts';
import { use } from '../rpc/index.ts';
import { type ServiceDefinition, service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { circlesOf } from './circles.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const None = z.object({});
const asked = { queries: { ask: query({ input: None, output: None }), other: query({ input: None, output: None }) } };
const [A, B, C] = [contract('a', asked), contract('b', asked), contract('c', asked)];
const Sink = contract('sink', { commands: { take: command({ input: None }) } });
const queries = { ask: async () => ({}), other: async () => ({}) };
const definitions = (...all: ServiceDefinition[]) => new Map(all.map((one) => [one.contract.name, one]));
const that = (contract: AnyContract, uses: object) => service(contract, { uses: uses as {} }).implement({ queries } as never);

test('services that ask each other are named once, with the shortest way round', () => {
  expect(circlesOf(definitions(that(A, { b: use(B) }), that(B, { c: use(C) }), that(C, { b: use(B), a: use(A) })))).toEqual([
    ['a', 'b', 'c'],
    ['b', 'c'],
  ]);
});

test('a service that queries itself, and a pair in which one only receives commands, are not in a circle', () => {
  const sink = service(Sink, { uses: { a: use(A) } }).implement({ commands: { take: () => {} } });
  expect(circlesOf(definitions(that(A, { a: use(A), sink: use(Sink), b: use(B) }), that(B, { c: use(C) }), that(C, {}), sink))).toEqual([]);
});

test('boot reports a circle, and the error of a chain that is too deep names all its calls', async () => {
  using folder = temporaryFolder();
  const lines: string[] = [];
  const a = service(A, { uses: { b: use(B) } }).implement({
    queries: { ask: async (_, { use }) => use.b.other({}), other: async () => ({}) },
  });
  const b = service(B, { uses: { a: use(A) } }).implement({
    queries: { other: async (_, { use }) => use.a.ask({}), ask: async () => ({}) },
  });
  const profiles = { monolith: { store: sqlite(folder.path), bus: embedded() } };
  await using running = await stoppable(
    start(topology({ services: { a, b }, profiles }), { logTo: (line) => void lines.push(String(line)) }),
  );
  expect(lines.filter((line) => line.includes('a queries b queries a'))).toHaveLength(1);
  const chain = 'a.ask > b.other > a.ask > b.other > a.ask > b.other > a.ask > b.other > a.ask';
  await expect(running.client(A).ask({})).rejects.toMatchObject({
    code: 'CallTooDeep',
    message: `The chain of calls is deeper than 8: ${chain}`,
  });
  const told = lines.map((line) => JSON.parse(line)).filter(({ err }) => err?.code === 'CallTooDeep');
  expect(told).toMatchObject([
    { operation: 'a.ask', err: { message: `The chain of calls is deeper than 8: ${chain.slice('a.ask > '.length)}` } },
  ]);
  // Calls that do not lead back are not a circle.
  expect(await running.client(A).other({})).toEqual({});
});

async function stoppable(starting: ReturnType<typeof start>) {
  const runtime = await starting;
  return Object.assign(runtime, { [Symbol.asyncDispose]: () => runtime.stop() });
}
