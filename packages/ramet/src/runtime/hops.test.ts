import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { contract, query } from '../contract/index.ts';
import { staticAddresses } from '../discovery/static/index.ts';
import { RametError } from '../errors/index.ts';
import { compose, gateway } from '../gateway/index.ts';
import { realPlatform } from '../platform/index.ts';
import { type Policy, use } from '../rpc/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { generateIdentityKey } from '../security/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { declaredGraph } from './graph.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const nothing = z.object({});
const asked = { get: query({ input: nothing, output: nothing, http: 'GET /get' }) };
const Front = contract('front', { queries: asked });
const Middle = contract('middle', { queries: asked });
const Leaf = contract('leaf', { queries: asked });
const SERVICES = ['front', 'middle', 'leaf'];
const REQUESTS = 2_000;
const AT_ONCE = 16;
/** What a budget looks back on: of so few calls that a fifth is less, a hundred may be repeated. */
const WINDOW_MS = 10_000;

/** Retries are bound where each call begins, by what the whole of its calls does: breakers would only help. */
test('a leaf that fails under three processes sees at most a fifth more than its load, and a hundred', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const policy: Policy = { breaker: false };
  let calls = 0;
  const store = sql<{}>({ migrations: {} });
  const addresses = Object.fromEntries(
    await Promise.all(SERVICES.map(async (name) => [name, [`127.0.0.1:${await freePort()}`]] as [string, string[]])),
  );
  const route = compose('GET /get', {
    access: 'public',
    uses: { front: use(Front, policy) },
    output: nothing,
    run: (_, { use: { front } }) => front.get({}),
  });
  const bus = embedded();
  const chain = topology({
    services: {
      front: service(Front, { store, uses: { middle: use(Middle, policy) } }).implement({
        queries: { get: async (_, { use: { middle } }) => middle.get({}) },
      }),
      middle: service(Middle, { store, uses: { leaf: use(Leaf, policy) } }).implement({
        queries: { get: async (_, { use: { leaf } }) => leaf.get({}) },
      }),
      leaf: service(Leaf, { store }).implement({
        queries: {
          get: async () => {
            calls++;
            throw new RametError('Unavailable', 'down');
          },
        },
      }),
    },
    gateways: { edge: gateway('edge', { routes: [route] }) },
    profiles: {
      several: {
        store: sqlite(folder.path, { exclusive: false }),
        bus: { ...bus, capabilities: { ...bus.capabilities, remote: true } },
        transport: mux(),
        discovery: staticAddresses(addresses),
        processes: { ...Object.fromEntries(SERVICES.map((name) => [name, [name]])), edge: ['edge'] },
      },
    },
  });
  const graph = await declaredGraph(chain);
  const names = [...SERVICES, 'edge'];
  const keys = Object.fromEntries(names.map((name) => [name, generateIdentityKey(realPlatform())]));
  const publicKeys = Object.fromEntries(names.map((name) => [name, [keys[name]?.publicKey ?? '']]));
  const runtimes = [];
  try {
    for (const process of ['leaf', 'middle', 'front', 'edge'])
      runtimes.push(
        await start(chain, {
          profile: 'several',
          process,
          graph,
          identity: { privateKey: keys[process]?.privateKey ?? '', publicKeys },
          logTo: () => {},
          ...(process === 'edge' ? { ports: { edge: 0 } } : { rpcPort: Number(addresses[process]?.[0]?.split(':')[1]) }),
        }),
      );
    const port = runtimes.at(-1)?.ports['edge'] ?? 0;
    const agent = new Agent({ keepAlive: true });
    const statuses = new Set<number | undefined>();
    const startedMono = performance.now();
    let left = REQUESTS;
    const client = async () => {
      while (left-- > 0) statuses.add(await statusOf(port, agent));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    agent.destroy();
    expect([...statuses]).toEqual([503]);
    expect(calls).toBeGreaterThan(REQUESTS);
    expect(calls).toBeLessThanOrEqual(1.2 * REQUESTS + 100 * Math.ceil((performance.now() - startedMono) / WINDOW_MS));
  } finally {
    for (const runtime of runtimes.reverse()) await runtime.stop();
  }
});

function statusOf(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(
      { host: '127.0.0.1', port, path: '/get', agent },
      (answer) => void text(answer).then(() => resolve(answer.statusCode), reject),
    ).once('error', reject);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
