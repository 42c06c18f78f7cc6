import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event, query } from '../contract/index.ts';
import { staticAddresses } from '../discovery/static/index.ts';
import { expose, gateway } from '../gateway/index.ts';
import { realPlatform } from '../platform/index.ts';
import { external, use } from '../rpc/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { generateIdentityKey } from '../security/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { startTravel, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

test('boot reports every mistake at once, with its place and what to do', async () => {
  using folder = temporaryFolder();
  const Elsewhere = contract('elsewhere', { events: { Happened: event(z.object({ id: z.string() }), { key: 'id' }) } });
  const Wrong = contract('wrong', {
    commands: { doIt: command({ input: z.object({ at: z.date() }), http: 'FETCH /it' }), forget: command({ input: z.object({}) }) },
    queries: { ask: query({ input: z.object({}), output: z.object({ n: z.number().transform(String) }), http: 'GET /ask/{id}' }) },
  });
  const wrong = service(Wrong, {
    store: sql<{}>({ migrations: { first: 'create table t (a text)' } }),
    uses: { elsewhere: use(Elsewhere, { timeout: 'soon' as '1s', bulkhead: 0 }), bank: external('bank', { url: 'bank:4900' }) },
  }).implement({
    commands: { doIt: async () => {} } as never,
    queries: { ask: async () => ({ n: 1 }) },
    reactions: (on) => [on(Elsewhere.events.Happened, () => {})],
  });
  const edge = gateway('edge', {
    limit: { rate: 'often' },
    routes: [expose(Wrong, { operations: { ask: { scope: 'x' }, forget: {} as never } })],
  });
  const failed = await start(
    topology({
      services: { wrong: async () => ({ default: wrong }), broken: () => Promise.reject(new Error('no such file')) },
      gateways: { edge: async () => ({ default: edge }) },
      profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
    }),
    { ports: { mobile: 0 }, logLevel: 'loud' },
  ).catch((error: unknown) => error as { problems: string[]; message: string });
  const problems = (failed as { problems: string[] }).problems.join('\n');
  for (const expected of [
    "LOG_LEVEL 'loud'",
    "service 'broken' cannot be loaded: no such file",
    "command 'doIt': input: field 'at': a Date is not JSON: declare z.iso.datetime()",
    "http 'FETCH /it' is not a route",
    "query 'ask': output: field 'n': a transform changes the value",
    'names {id}, which is not a field of the input',
    "command 'forget' has no handler",
    "migration 'first': name it with four digits",
    "uses 'elsewhere', which the topology does not have",
    "service 'wrong', uses 'elsewhere': timeout",
    "service 'wrong', uses 'elsewhere': bulkhead",
    "service 'wrong', uses 'bank': 'bank:4900' is not a URL of bank",
    "reacts to 'elsewhere.Happened', but the topology has no 'elsewhere'",
    "'often' is not a rate",
    "exposes 'wrong.forget', which has no route in its contract",
    "need a token, but 'authenticate' is not set",
    "a port is given for gateway 'mobile'",
  ]) {
    expect(problems).toContain(expected);
  }
  // A contract that is hosted and exposed here is reported once.
  expect(problems.match(/command 'doIt': input/g)).toHaveLength(1);
  expect((failed as { message: string }).message).toContain('problems keep this process from starting');
});

test('a module that cannot be loaded is named with the place of its mistake', async () => {
  using folder = temporaryFolder();
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const throws = write('throws.mjs', '\nnull.x;\n');
  const broken = write('broken.ts', 'const const = 1;\n');
  // The test runner has a loader of its own; a real process has none.
  const script = `
    import { topology, start } from '${join(import.meta.dirname, 'index.ts')}';
    const load = (file) => () => import(file);
    const services = { throws: load('${throws}'), broken: load('${broken}') };
    const app = topology({ services, profiles: { monolith: {} } });
    await start(app, { logLevel: 'silent' }).catch(({ problems }) => console.log(problems.join('\\n')));`;
  const { stdout } = spawnSync(process.execPath, ['-C', 'ramet-source', '--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout).toContain(`service 'throws' cannot be loaded: Cannot read properties of null (reading 'x') (${throws}:2)`);
  expect(stdout).toMatch(new RegExp(`service 'broken' cannot be loaded: .* \\(${broken}:1\\)`));
});

test('a service may react to what programs of others publish when the topology names them, and not call them', async () => {
  using folder = temporaryFolder();
  const Mailer = contract('mailer', {
    queries: { ask: query({ input: z.object({}), output: z.object({}) }) },
    events: { Written: event(z.object({ id: z.string() }), { key: 'id' }) },
  });
  const audit = (uses: Record<string, ReturnType<typeof use>>) =>
    service(contract('audit', {}), { store: sql<{}>({ migrations: {} }), uses }).implement({
      reactions: (on) => [on(Mailer.events.Written, () => {})],
    });
  const open = (uses: Record<string, ReturnType<typeof use>>, foreign: string[]) =>
    start(
      topology({
        services: { audit: audit(uses) },
        foreign,
        profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
      }),
      { logTo: () => {} },
    );
  await (await open({}, ['mailer'])).stop();
  await expect(open({}, [])).rejects.toThrow("reacts to 'mailer.Written', but the topology has no 'mailer'");
  await expect(open({ mailer: use(Mailer) }, ['mailer'])).rejects.toThrow("uses 'mailer', which the topology does not have");
  await expect(open({}, ['mailer', 'audit'])).rejects.toThrow("'audit' is a service of the topology and 'foreign' too");
});

test('an unwritable data directory keeps the process from starting and names the fix', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'file'), '');
  await expect(startTravel(join(folder.path, 'file', 'data'))).rejects.toThrow(/cannot be written.*DATA_DIR/s);
});

test('a second process on the same data is refused, and the first one continues', async () => {
  using folder = temporaryFolder();
  await using first = await startTravel(folder.path);
  await expect(startTravel(folder.path)).rejects.toThrow(/another process uses/);
  expect((await first.runtime.health.ready()).status).toBe(200);
});

test('a migration that was edited after it ran is refused by name', async () => {
  using folder = temporaryFolder();
  const Notes = contract('notes', {});
  const open = (text: string) =>
    start(
      topology({
        services: {
          notes: async () => ({ default: service(Notes, { store: sql<{}>({ migrations: { '0001_notes': text } }) }).implement({}) }),
        },
        profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
      }),
      { logTo: () => {} },
    );
  await (await open('create table notes (id text primary key)')).stop();
  await expect(open('create table notes (id text primary key, more text)')).rejects.toThrow(
    /'notes'.*'0001_notes' was changed after it ran/,
  );
});

test('the admin interface wants the token of this start, from a file that only its owner can read', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'data'));
  const tokenFile = join(folder.path, 'data', 'admin.token');
  await using t = await startTravel(join(folder.path, 'data'), { admin: { port: 0, tokenFile } });
  const url = `http://127.0.0.1:${t.runtime.adminPort}`;
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  const token = readFileSync(tokenFile, 'utf8').trim();
  expect((await fetch(`${url}/sagas`)).status).toBe(401);
  expect((await fetch(`${url}/sagas`, { headers: { authorization: 'Bearer guess' } })).status).toBe(401);
  expect((await fetch(`${url}/sagas`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  const unknown = await fetch(`${url}/sagas/saga_x`, { headers: { authorization: `Bearer ${token}` } });
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ code: 'UnknownSaga' });
});

test('processes that share the admin port share its token, unless others could have read or written its file', async () => {
  using folder = temporaryFolder();
  using beside = temporaryFolder();
  const tokenFile = join(folder.path, 'admin.token');
  const token = () => readFileSync(tokenFile, 'utf8').trim();
  const options = { sharePorts: true, admin: { port: 0, tokenFile } };
  await using first = await startTravel(folder.path, options);
  const own = token();
  await using second = await startTravel(beside.path, options);
  expect(token()).toBe(own);
  for (const { runtime } of [first, second]) {
    const answer = await fetch(`http://127.0.0.1:${runtime.adminPort}/sagas`, { headers: { authorization: `Bearer ${own}` } });
    expect(answer.status).toBe(200);
  }
  await second.runtime.stop();
  const distrusted = [
    () => chmodSync(tokenFile, 0o644),
    () => {
      renameSync(tokenFile, `${tokenFile}.elsewhere`);
      symlinkSync(`${tokenFile}.elsewhere`, tokenFile);
    },
  ];
  for (const distrust of distrusted) {
    const before = token();
    distrust();
    await (await startTravel(beside.path, options)).runtime.stop();
    expect(token()).not.toBe(before);
    expect(lstatSync(tokenFile).isFile()).toBe(true);
  }
});

test('a bus that does not leave its process is refused where a subscriber and its source are in different processes, and only there', async () => {
  using folder = temporaryFolder();
  const Orders = contract('orders', { events: { Placed: event(z.object({ id: z.string() }), { key: 'id' }) } });
  const stock = service(contract('stock', {})).implement({ reactions: (on) => [on(Orders.events.Placed, () => {})] });
  const services = { orders: service(Orders).implement({}), stock };
  const base = { store: sqlite(folder.path, { exclusive: false }), bus: embedded(), transports: [mux()], discovery: staticAddresses({}) };
  const several = topology({
    services,
    profiles: {
      apart: { ...base, processes: { a: ['orders'], b: ['stock'] } },
      beside: { ...base, processes: { a: ['orders', 'stock'] } },
    },
  });
  const [a, b] = [generateIdentityKey(realPlatform()), generateIdentityKey(realPlatform())];
  const options = {
    logLevel: 'silent',
    graph: { orders: [], stock: [] },
    identity: { privateKey: a.privateKey, publicKeys: { a: [a.publicKey], b: [b.publicKey] } },
  };
  const refused = start(several, { ...options, profile: 'apart', process: 'b' });
  await expect(refused).rejects.toThrow(
    "service 'stock' subscribes to events of 'orders', which another process hosts, but the bus 'embedded' does not leave its process",
  );
  for (const profile of ['apart', 'beside']) await (await start(several, { ...options, profile, process: 'a' })).stop();
});
