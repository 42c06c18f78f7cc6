import { afterEach, expect, test } from 'vitest';
import { embedded } from '../bus/embedded/index.ts';
import { contract } from '../contract/index.ts';
import type { DiscoveryFactory, Registration } from '../discovery/index.ts';
import { RametError } from '../errors/index.ts';
import { realPlatform } from '../platform/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { generateIdentityKey } from '../security/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime, StartOptions } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/*
 * What a process registers when others do not reach it where it listens.
 */
const stock = service(contract('stock', {}), { store: sql<{}>({ migrations: {} }) }).implement({});
const key = generateIdentityKey(realPlatform());
const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0)) await runtime.stop();
});

/**
 * @param refusals what the registry answers before it accepts a registration
 * @returns what a process that was started with these options registered
 */
async function told(
  folder: string,
  options: Pick<StartOptions, 'host' | 'advertise'>,
  { registers = true, refusals = [] }: { registers?: boolean; refusals?: Error[] } = {},
) {
  const registered: Registration[] = [];
  const discovery: DiscoveryFactory = {
    capabilities: { name: 'written down', registers, checks: false, pushes: false },
    create: () => ({
      capabilities: discovery.capabilities,
      async register(registrations) {
        registered.push(...registrations);
        const refusal = refusals.shift();
        if (refusal) throw refusal;
      },
      withdraw: async () => {},
      follow: async () => {},
      instances: () => [],
      close: async () => {},
    }),
  };
  const bus = embedded();
  const several = {
    store: sqlite(folder),
    bus: { ...bus, capabilities: { ...bus.capabilities, remote: true } },
    transports: [mux()],
    discovery,
    processes: { stock: ['stock'] },
  };
  const runtime = await start(topology({ services: { stock: async () => ({ default: stock }) }, profiles: { several } }), {
    profile: 'several',
    process: 'stock',
    graph: { stock: [] },
    identity: { privateKey: key.privateKey, publicKeys: { stock: [key.publicKey] } },
    logTo: () => {},
    ...options,
  });
  running.push(runtime);
  return { runtime, registered };
}

test('a process is made known where it listens', async () => {
  using folder = temporaryFolder();
  const { runtime, registered } = await told(folder.path, {});
  const { rpcPort, probesPort } = runtime;
  expect(registered).toEqual([
    expect.objectContaining({
      service: 'stock',
      endpoints: [{ protocol: 'mux', host: '127.0.0.1', port: rpcPort }],
      healthUrl: `http://127.0.0.1:${probesPort}/readyz`,
    }),
  ]);
});

test('what it is to be called by instead is made known instead, and where it listens stays as it is', async () => {
  using folder = temporaryFolder();
  const { runtime, registered } = await told(folder.path, {
    host: '0.0.0.0',
    advertise: { host: 'fd00::7', rpcPort: 7001, probesPort: 7002 },
  });
  expect(registered).toEqual([
    expect.objectContaining({
      endpoints: [{ protocol: 'mux', host: 'fd00::7', port: 7001 }],
      healthUrl: 'http://[fd00::7]:7002/readyz',
    }),
  ]);
  expect(runtime.rpcPort).not.toBe(7001);
  expect((await fetch(`http://127.0.0.1:${runtime.probesPort}/readyz`)).status).toBe(200);
});

test('one part of it may differ alone', async () => {
  using folder = temporaryFolder();
  const { runtime, registered } = await told(folder.path, { advertise: { rpcPort: 7001 } });
  expect(registered).toEqual([
    expect.objectContaining({
      endpoints: [{ protocol: 'mux', host: '127.0.0.1', port: 7001 }],
      healthUrl: `http://127.0.0.1:${runtime.probesPort}/readyz`,
    }),
  ]);
});

test('an address that cannot be called is refused where it would be registered, and accepted where no registry exists', async () => {
  using folder = temporaryFolder();
  for (const host of ['0.0.0.0', '::'])
    await expect(told(folder.path, { host })).rejects.toMatchObject({ problems: [expect.stringContaining("set 'advertise.host'")] });
  const { registered } = await told(folder.path, { host: '0.0.0.0' }, { registers: false });
  expect(registered).toHaveLength(1);
});

test('a start waits for a registry that is unavailable for a moment; each attempt has its own ids, and failed ones are taken back', async () => {
  using folder = temporaryFolder();
  const refusals = [new RametError('Unavailable', 'it starts'), new RametError('Unavailable', 'it still starts')];
  const { registered } = await told(folder.path, {}, { refusals });
  expect(new Set(registered.map(({ id }) => id)).size).toBe(3);
});

test('a registry that is wrong is not waited for', async () => {
  using folder = temporaryFolder();
  await expect(told(folder.path, {}, { refusals: [new RangeError('no such name')] })).rejects.toThrow('no such name');
});
