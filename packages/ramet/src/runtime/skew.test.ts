import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { type AnyContract, command, contract, failure, query } from '../contract/index.ts';
import { staticAddresses } from '../discovery/static/index.ts';
import { realPlatform } from '../platform/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { generateIdentityKey } from '../security/index.ts';
import { type ServiceDefinition, service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime } from './options.ts';
import { start } from './runtime.ts';
import { type Profile, topology } from './topology.ts';

/*
 * Two processes over real sockets that were built at different times: one has a contract, the other the next version of it,
 * which only adds.
 */
const look = (fields: z.ZodRawShape) => query({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int(), ...fields }) });
const before = contract('stock', {
  commands: { take: command({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int() }) }) },
  queries: { look: look({}) },
});
const after = contract('stock', {
  commands: {
    take: command({
      input: z.object({ many: z.int().min(1).default(1), wish: z.string().optional(), sku: z.string() }),
      output: z.object({ left: z.int(), shelf: z.string().optional() }),
      errors: { SoldOut: failure(409, z.object({ sku: z.string() })) },
    }),
    count: command({ input: z.object({}), output: z.object({ counted: z.int() }) }),
  },
  queries: { look: look({ shelf: z.string().optional() }) },
});
const strict = contract('stock', {
  commands: { take: command({ input: z.strictObject({ sku: z.string() }), output: z.object({ left: z.int() }) }) },
});

const store = sql<{ taken: { sku: string; many: number } }>({
  migrations: { '0001_create_taken': 'create table taken (sku text, many integer)' },
});
/** What a handler was given is what it wrote down: the version that it was built for. */
const stockBefore = service(before, { store }).implement({
  commands: {
    async take(given, { db }) {
      await db
        .insertInto('taken')
        .values({ sku: Object.keys(given).join(' '), many: 1 })
        .execute();
      return { left: 9 };
    },
  },
  queries: { look: async () => ({ left: 9 }) },
});
const stockAfter = service(after, { store }).implement({
  commands: {
    async take({ sku, many }, { db, fail }) {
      if (sku === 'none') throw fail.SoldOut({ sku });
      await db.insertInto('taken').values({ sku, many }).execute();
      return { left: 10 - many, shelf: 'A3' };
    },
    count: async () => ({ counted: 0 }),
  },
  queries: { look: async () => ({ left: 9, shelf: 'A3' }) },
});
const stockStrict = service(strict, { store }).implement({ commands: { take: async () => ({ left: 9 }) } });
const desk = service(contract('desk', {}), { store: sql<{}>({ migrations: {} }) }).implement({});

const keys = { stock: generateIdentityKey(realPlatform()), desk: generateIdentityKey(realPlatform()) };
const publicKeys = { stock: [keys.stock.publicKey], desk: [keys.desk.publicKey] };
const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0).reverse()) await runtime.stop();
});

async function open(folder: string, name: 'stock' | 'desk', definition: ServiceDefinition, stockAt: readonly string[]): Promise<Runtime> {
  const bus = embedded();
  const several: Profile = {
    store: sqlite(folder),
    // No event crosses a process here.
    bus: { ...bus, capabilities: { ...bus.capabilities, remote: true } },
    transports: [mux()],
    discovery: staticAddresses({ stock: stockAt }),
    admin: 'desk',
    processes: { stock: ['stock'], desk: ['desk'] },
  };
  const mine = async () => ({ default: definition });
  const runtime = await start(topology({ services: { stock: mine, desk: mine }, profiles: { several } }), {
    profile: 'several',
    process: name,
    graph: { stock: [], desk: ['stock'] },
    identity: { privateKey: keys[name].privateKey, publicKeys },
    logTo: () => {},
  });
  running.push(runtime);
  return runtime;
}

/** A service of one version, and a caller that was built with `known`. */
async function pair(folder: string, definition: ServiceDefinition, known: AnyContract) {
  const stock = await open(`${folder}/stock`, 'stock', definition, []);
  const caller = await open(`${folder}/desk`, 'desk', desk, [`127.0.0.1:${stock.rpcPort}`]);
  const rows = () => stock.services.get('stock')?.store.reader.all('select sku, many from taken order by rowid');
  return { client: caller.client(known) as any, rows };
}

test('an old caller asks a new service: what it does not say has its default, what it does not know does not hurt', async () => {
  using folder = temporaryFolder();
  const { client, rows } = await pair(folder.path, stockAfter, before);
  expect(await client.take({ sku: 'a' })).toMatchObject({ left: 9 });
  expect(await client.look({ sku: 'a' })).toMatchObject({ left: 9 });
  expect(await rows()).toEqual([{ sku: 'a', many: 1 }]);
});

test('an old caller hears a failure that is new to it as a failure, by its name', async () => {
  using folder = temporaryFolder();
  const { client } = await pair(folder.path, stockAfter, before);
  await expect(client.take({ sku: 'none' })).rejects.toMatchObject({ error: 'SoldOut', status: 409 });
  expect(await client.take.try({ sku: 'none' })).toEqual({ ok: false, error: 'SoldOut', data: { sku: 'none' } });
});

test('a new caller asks an old service: it does what it always did, and says nothing of what it does not know', async () => {
  using folder = temporaryFolder();
  const { client, rows } = await pair(folder.path, stockBefore, after);
  expect(await client.take({ sku: 'a', many: 3, wish: 'soon' })).toEqual({ left: 9 });
  expect(await client.look({ sku: 'a' })).toEqual({ left: 9 });
  expect(await rows()).toEqual([{ sku: 'sku', many: 1 }]);
});

test('a new caller that calls an operation of tomorrow gets executed no, and the others continue', async () => {
  using folder = temporaryFolder();
  const { client } = await pair(folder.path, stockBefore, after);
  for (let asked = 0; asked < 20; asked++)
    await expect(client.count({})).rejects.toMatchObject({ code: 'UnknownOperation', executed: 'no' });
  expect(await client.look({ sku: 'a' })).toEqual({ left: 9 });
});

test('an old service with a strict input refuses a new caller, and says which field it does not know', async () => {
  using folder = temporaryFolder();
  const { client } = await pair(folder.path, stockStrict, after);
  await expect(client.take({ sku: 'a', wish: 'soon' })).rejects.toMatchObject({
    code: 'BadRequest',
    issues: [{ message: expect.stringMatching(/wish/) }],
  });
});

test('a request that is repeated after an upgrade, or after going back, is the same request', async () => {
  using folder = temporaryFolder();
  const versions: [ServiceDefinition, AnyContract][] = [
    [stockBefore, before],
    [stockAfter, before],
    [stockAfter, after],
    [stockBefore, after],
  ];
  for (const [definition, known] of versions) {
    const { client, rows } = await pair(folder.path, definition, known);
    expect(await client.take({ sku: 'a' }, { key: 'once' })).toEqual({ left: 9 });
    expect(await rows()).toEqual([{ sku: 'sku', many: 1 }]);
    for (const runtime of running.splice(0).reverse()) await runtime.stop();
  }
});
