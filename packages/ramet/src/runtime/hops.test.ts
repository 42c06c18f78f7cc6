import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { contract, query } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { compose, gateway } from '../gateway/index.ts';
import { type Policy, use } from '../rpc/index.ts';
import { service, sql } from '../service/index.ts';
import { startSeveral } from './fixtures/several.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

const nothing = z.object({});
const asked = { get: query({ input: nothing, output: nothing, http: 'GET /get' }) };
const Front = contract('front', { queries: asked });
const Middle = contract('middle', { queries: asked });
const Leaf = contract('leaf', { queries: asked });
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
  const route = compose('GET /get', {
    access: 'public',
    uses: { front: use(Front, policy) },
    output: nothing,
    run: (_, { use: { front } }) => front.get({}),
  });
  await using several = await startSeveral(folder.path, {
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
  });
  const port = several.runtimes.get('edge')?.ports['edge'] ?? 0;
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
});

function statusOf(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(
      { host: '127.0.0.1', port, path: '/get', agent },
      (answer) => void text(answer).then(() => resolve(answer.statusCode), reject),
    ).once('error', reject);
  });
}
