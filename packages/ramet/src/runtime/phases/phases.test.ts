import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import type { BusFactory } from '../../bus/index.ts';
import { command, contract, event, query } from '../../contract/index.ts';
import { RametError } from '../../errors/index.ts';
import { expose, gateway } from '../../gateway/index.ts';
import { use } from '../../rpc/index.ts';
import { service, sql } from '../../service/index.ts';
import type { StoreFactory } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { eventually, temporaryFolder } from '../fixtures/start.fixture.ts';
import type { StartOptions } from '../options.ts';
import { partsOf, type RunningParts, shutDown } from '../shutdown.ts';
import { type Topology, topology } from '../topology.ts';
import { checkProcess } from './check.ts';
import { hostProcess } from './host.ts';
import { openProcess } from './open.ts';
import { type PlannedProcess, planProcess } from './plan.ts';
import { serveProcess } from './serve.ts';

/* Each phase of a start alone, after those before it. */

const Note = z.object({ text: z.string() });
const Notes = contract('notes', {
  commands: { keep: command({ input: Note }) },
  queries: { all: query({ input: z.object({}), output: z.object({ texts: z.array(z.string()) }), http: 'GET /notes' }) },
  events: { Kept: event(Note, { key: 'text' }) },
});
const Echo = contract('echo', { queries: { heard: query({ input: z.object({}), output: z.object({ texts: z.array(z.string()) }) }) } });

const store = sql<{ notes: { text: string } }>({ migrations: { '0001_notes': 'create table notes (text text primary key)' } });
const notes = service(Notes, { store }).implement({
  commands: {
    async keep({ text }, { db, emit }) {
      await db.insertInto('notes').values({ text }).execute();
      emit.Kept({ text });
    },
  },
  queries: { all: async (_, { db }) => ({ texts: (await db.selectFrom('notes').selectAll().execute()).map(({ text }) => text) }) },
});
const echo = service(Echo, { store }).implement({
  queries: { heard: async (_, { db }) => ({ texts: (await db.selectFrom('notes').selectAll().execute()).map(({ text }) => text) }) },
  reactions: (on) => [on(Notes.events.Kept, async ({ text }, { db }) => void (await db.insertInto('notes').values({ text }).execute()))],
});
const edge = gateway('edge', { routes: [expose(Notes, { operations: { all: { access: 'public' } } })] });

const diary = (stores: StoreFactory, bus: BusFactory = embedded()): Topology =>
  topology({ services: { notes, echo }, gateways: { edge }, profiles: { monolith: { store: stores, bus } } });

const running: RunningParts[] = [];
afterEach(async () => {
  for (const parts of running.splice(0)) await shutDown(parts, {});
});

async function planned(of: Topology, options: StartOptions = {}): Promise<{ plan: PlannedProcess; parts: RunningParts }> {
  const plan = await planProcess(of, { logTo: () => {}, ...options });
  const parts = partsOf(plan);
  running.push(parts);
  return { plan, parts };
}

test('plan: chooses profile and process, and keeps what is wrong with the options for the check', async () => {
  const { plan } = await planned(diary(sqlite('/nowhere')), { hosts: ['notes'], logLevel: 'loud', bootWait: 'soon' as '1s' });
  expect(plan.hosts).toEqual(new Set(['notes']));
  expect(plan.process).toBeUndefined();
  expect(plan.problems.map((problem) => problem.slice(0, 16))).toEqual(["LOG_LEVEL 'loud'", "bootWait: 'soon'"]);
  await expect(planProcess(diary(sqlite('/nowhere')), { profile: 'cloud' })).rejects.toMatchObject({ code: 'BootFailed' });
});

test('check: loads what the process hosts and nothing else, and reports every mistake together with those of the options', async () => {
  const loaded: string[] = [];
  const lazy: Topology = {
    ...diary(sqlite('/nowhere')),
    services: { notes: async () => ({ default: notes }), echo: () => Promise.reject(new Error(`${loaded.push('echo')}`)) },
  };
  const { plan } = await planned(lazy, { hosts: ['notes'] });
  const { definitions, gateways } = await checkProcess(plan);
  expect([[...definitions.keys()], [...gateways.keys()], loaded]).toEqual([['notes'], [], []]);
  const Missing = contract('missing', { events: { Gone: event(Note, { key: 'text' }) } });
  const wrong = service(Echo, { store, uses: { missing: use(Missing) } }).implement({
    queries: {} as never,
    reactions: (on) => [on(Missing.events.Gone, () => {})],
  });
  const mistaken = topology({ services: { notes, echo: wrong }, profiles: { monolith: { store: sqlite('/nowhere'), bus: embedded() } } });
  const { plan: bad } = await planned(mistaken, { logLevel: 'loud', ports: { mobile: 0 } });
  await expect(checkProcess(bad)).rejects.toMatchObject({
    problems: [
      expect.stringContaining('LOG_LEVEL'),
      "service 'echo': query 'heard' has no handler",
      "service 'echo' uses 'missing', which the topology does not have",
      "service 'echo' reacts to 'missing.Gone', but the topology has no 'missing'",
      "a port is given for gateway 'mobile', which the topology does not have",
    ],
  });
});

test('open: opens and migrates the stores side by side, says what is wrong with each, and leaves no broken one open', async () => {
  using folder = temporaryFolder();
  const { plan, parts } = await planned(diary(sqlite(folder.path)));
  await openProcess(plan, await checkProcess(plan), parts);
  expect([...parts.directory.stores.keys()].sort()).toEqual(['echo', 'notes']);
  expect(await parts.directory.stores.get('notes')?.reader.all('select text from notes')).toEqual([]);
  using other = temporaryFolder();
  const stores = sqlite(other.path);
  const refuses: StoreFactory = {
    ...stores,
    open: async (name, environment) => {
      if (name === 'notes') throw new RametError('StoreUnwritable', `no room for '${name}'`);
      return stores.open(name, environment);
    },
  };
  const broken = await planned(diary(refuses));
  await expect(openProcess(broken.plan, await checkProcess(broken.plan), broken.parts)).rejects.toMatchObject({
    problems: ["no room for 'notes'"],
  });
  expect([...broken.parts.directory.stores.keys()]).toEqual(['echo']);
});

test('host: puts the services to work without a port, and a bus that is unavailable keeps none from it', async () => {
  using folder = temporaryFolder();
  const lines: string[] = [];
  const away: BusFactory = { ...embedded(), check: async () => Promise.reject(new RametError('Unavailable', 'no broker')) };
  const { plan, parts } = await planned(diary(sqlite(folder.path), away), { logTo: (line) => void lines.push(line) });
  const checked = await checkProcess(plan);
  const { edges, rpcPorts } = await hostProcess(plan, checked, await openProcess(plan, checked, parts), parts);
  expect(rpcPorts).toEqual({});
  expect([...parts.homes.values()].map(({ name, state }) => [name, state])).toEqual([
    ['notes', 'running'],
    ['echo', 'running'],
  ]);
  const origin = { meta: { caller: { kind: 'service', subject: 'test', scopes: [] }, trace: {}, depth: 0 } } as never;
  const ask = (kind: 'command' | 'query', name: string, input: unknown) =>
    edges.to(name === 'heard' ? 'echo' : 'notes').call({ kind, service: name === 'heard' ? 'echo' : 'notes', name }, input, {
      remainingMs: () => 5_000,
      signal: undefined,
      ...(origin as object),
    } as never);
  expect(await ask('command', 'keep', { text: 'hello' })).toMatchObject({ ok: true });
  await eventually(
    () => ask('query', 'heard', {}),
    (reply) => JSON.stringify(reply).includes('hello'),
  );
  expect(lines.join('')).toContain('bus_unavailable_at_start');
});

test('serve: opens the ports of clients, operators and probes, and says that the process is ready', async () => {
  using folder = temporaryFolder();
  const options = { ports: { edge: 0 }, probesPort: 0, admin: { port: 0, tokenFile: `${folder.path}/token` } };
  const { plan, parts } = await planned(diary(sqlite(folder.path)), options);
  const checked = await checkProcess(plan);
  const hosted = await hostProcess(plan, checked, await openProcess(plan, checked, parts), parts);
  expect((await plan.health.ready()).status).toBe(503);
  const runtime = await serveProcess(plan, checked, hosted, parts);
  expect((await plan.health.ready()).status).toBe(200);
  const status = async (port: number | undefined, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  expect(await status(runtime.ports['edge'], '/notes')).toBe(200);
  expect(await status(runtime.probesPort, '/readyz')).toBe(200);
  expect(await status(runtime.adminPort, '/services')).toBe(401);
  await runtime.client(Notes).keep({ text: 'kept' });
  expect(await runtime.client(Notes).all({})).toEqual({ texts: ['kept'] });
  const taken = await planned(diary(sqlite(folder.path, { exclusive: false })), { ports: { edge: runtime.ports['edge'] as number } });
  const again = await checkProcess(taken.plan);
  const source = await openProcess(taken.plan, again, taken.parts);
  await expect(
    serveProcess(taken.plan, again, await hostProcess(taken.plan, again, source, taken.parts), taken.parts),
  ).rejects.toMatchObject({
    code: 'BootFailed',
    message: expect.stringContaining('it is in use'),
  });
});
