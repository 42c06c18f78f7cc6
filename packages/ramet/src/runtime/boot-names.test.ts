import { expect, test } from 'vitest';
import { embedded } from '../bus/embedded/index.ts';
import { contract } from '../contract/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { declaredGraph } from './graph.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const orders = service(contract('orders', {})).implement({});

/** Every problem that a start reports; what is not a BootError fails the test. */
async function problemsOf(given: unknown, options: object = {}): Promise<readonly string[]> {
  const error = await start(given as never, { logLevel: 'silent', ...options }).then(
    async (runtime) => {
      await runtime.stop();
      return { problems: [] };
    },
    (thrown: { problems?: readonly string[] }) => thrown,
  );
  if (!error.problems) throw error;
  return error.problems;
}
const ofProfile = (profile: unknown, options: object = {}) =>
  problemsOf(topology({ services: { orders }, profiles: { monolith: profile } } as never), options);

test('names that the topology, its profile or the options of a start do not know are reported at once, each with the nearest', async () => {
  const given = { service: {}, services: { orders }, profiles: { monolith: { store: sqlite('.data'), bus: embedded(), busses: [] } } };
  const options = {
    loglevel: 'info',
    ports: 3000,
    admin: { port: 0, tokenfile: 'token' },
    advertise: { hosts: 'a' },
    identity: { privatekey: '' },
  };
  expect(await problemsOf(topology(given as never), options)).toEqual([
    "'loglevel' is not a known name: write 'logLevel'",
    "advertise: 'hosts' is not a known name: write 'host'",
    "identity: 'privatekey' is not a known name: write 'privateKey'",
    'ports: 3000 is not a port of each gateway: write { web: 3000 }',
    "admin: 'tokenfile' is not a known name: write 'tokenFile'",
    expect.stringContaining('admin.tokenFile is missing'),
    "topology: 'service' is not a known name: write 'services'",
    "profile 'monolith': 'busses' is not a known name: write 'bus'",
  ]);
});

test('an operators’ port without a file for its token is reported by the name of what is missing', async () => {
  const profile = { store: sqlite('.data'), bus: embedded() };
  expect(await ofProfile(profile, { admin: { port: 0 } })).toEqual([expect.stringMatching(/^admin\.tokenFile is missing: /)]);
  expect(await ofProfile(profile, { admin: 7000 })).toEqual([expect.stringMatching(/^admin: 7000 is not the operators' interface: /)]);
});

test.each<[string, unknown, readonly string[]]>([
  ['no bus', { store: sqlite('.data') }, ["'bus' is missing: write bus: embedded()"]],
  ['a folder for a store', { store: '.data', bus: embedded() }, ["'store' is '.data': write store: sqlite('.data')"]],
  [
    'engines that are not called',
    { store: sqlite, bus: embedded },
    ["'store' is the function 'sqlite', which is not called: write", "'bus' is the function 'embedded', which is not called: write"],
  ],
  [
    'a transport that is not a list',
    { store: sqlite('.data'), bus: embedded(), transports: mux(), discovery: {}, processes: { one: ['orders'] } },
    ["'discovery' is a plain object: write", "'transports' is one transport: write a list, as [mux()]"],
  ],
  ['a transport that is not called', { store: sqlite('.data'), bus: embedded(), transports: [mux] }, ["the function 'mux', which is not"]],
  ['nothing', () => undefined, ["is undefined: write { store: sqlite('.data'), bus: embedded() }"]],
  [
    'a store without a folder',
    () => ({ store: (sqlite as () => unknown)(), bus: embedded() }),
    ["sqlite: the folder is undefined: write sqlite('.data')"],
  ],
])('a profile with %s is reported with what to write', async (_, profile, expected) => {
  const problems = await ofProfile(profile, { process: typeof profile === 'object' && 'processes' in (profile ?? {}) ? 'one' : undefined });
  expect(problems).toEqual(expected.map((text) => expect.stringContaining(text)));
});

test('a broken profile does not hide what is wrong elsewhere', async () => {
  using folder = temporaryFolder();
  const problems = await problemsOf(
    topology({ services: { orders, stock: {} }, profiles: { monolith: { store: sqlite(folder.path) } } } as never),
    { drainDelayMs: -1 },
  );
  expect(problems).toHaveLength(3);
  expect(problems.join('\n')).toMatch(/drainDelayMs: -1.*'bus' is missing.*service 'stock' is a plain object/s);
});

test('a value that is not a topology, or one without a profile, is reported with what to write', async () => {
  expect(await problemsOf(undefined)).toEqual(['the topology is undefined: write start(topology({ … }))']);
  expect(await problemsOf(topology({ services: { orders } } as never))).toEqual([
    "topology: it has no profile: write profiles: { monolith: { store: sqlite('.data'), bus: embedded() } }",
  ]);
  await expect(declaredGraph(undefined as never)).rejects.toThrow('the topology is undefined');
});

test('a process without the allowed calls learns the function that makes them', async () => {
  const discovery = { capabilities: { name: 'none', registers: false, checks: false, pushes: false } };
  const bus = { ...embedded(), capabilities: { ...embedded().capabilities, remote: true } };
  using folder = temporaryFolder();
  const profile = { store: sqlite(folder.path), bus, transports: [mux()], discovery, processes: { one: ['orders'] } };
  expect((await ofProfile(profile, { process: 'one' })).join('\n')).toContain("set 'graph' to what 'await declaredGraph(topology)' or");
});
