import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { contract, query } from '../contract/index.ts';
import { compose, expose, gateway } from '../gateway/index.ts';
import { use } from '../rpc/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import type { OpenLoad, OpenLoaded } from './fixtures/open-load.fixture.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/* A gateway that gets twice the requests that it can answer, over a real wire. Ratios only: the machine may be busy. */

const Work = contract('work', {
  queries: { do: query({ input: z.object({ steps: z.int() }), output: z.object({ done: z.boolean() }), http: 'GET /work' }) },
});
const folder = temporaryFolder();
let runtime: Runtime;
let runs = 0;

/** Work by its amount and not by its time: on a busy machine it takes longer. A step is some milliseconds. */
function busy(steps: number): void {
  for (let i = 0; i < steps * 1_500; i++) createHash('sha256').update(`${i}`).digest('hex');
}

beforeAll(async () => {
  const work = service(Work).implement({
    queries: {
      do: ({ steps }) => {
        runs++;
        busy(steps);
        return { done: true };
      },
    },
  });
  const edge = gateway('edge', {
    caps: { connectionsPerAddress: 1_000 },
    routes: [
      expose(Work, { operations: { do: { access: 'public' } } }),
      compose('GET /composed', {
        access: 'public',
        uses: { work: use(Work) },
        async run(_, { use: { work } }) {
          const parts = [await work.do({ steps: 1 })];
          await new Promise((resolve) => setImmediate(resolve));
          parts.push(await work.do({ steps: 1 }));
          return { parts };
        },
      }),
    ],
  });
  runtime = await start(
    topology({
      services: { work: async () => ({ default: work }) },
      gateways: { edge: async () => ({ default: edge }) },
      profiles: { monolith: { store: sqlite(join(folder.path, 'data')), bus: embedded() } },
    }),
    { ports: { edge: 0 }, logLevel: 'silent' },
  );
});
afterAll(async () => {
  await runtime.stop();
  folder[Symbol.dispose]();
});

const requestOf = (line: string) => `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

/** Begins to ask, in a process of its own. */
function load(what: Omit<OpenLoad, 'port'>) {
  const child = fork(fileURLToPath(new URL('./fixtures/open-load.fixture.ts', import.meta.url)), [], { execArgv: [] });
  child.send({ ...what, port: runtime.ports['edge'] as number } satisfies OpenLoad);
  return child;
}

async function loaded(what: Omit<OpenLoad, 'port'>): Promise<OpenLoaded> {
  const child = load(what);
  const [answer] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('a connection of the load generator was closed'))),
  ])) as [OpenLoaded];
  return answer;
}

/** Answers in time for each second of a processor that the server had, which it shares with whatever else runs here. */
async function perSecond(what: Omit<OpenLoad, 'port'>): Promise<{ loaded: OpenLoaded; perSecond: number; ofProcessor: number }> {
  const before = process.cpuUsage();
  const found = await loaded(what);
  const { user, system } = process.cpuUsage(before);
  return { loaded: found, perSecond: found.good, ofProcessor: (found.good * what.forMs * 1_000) / (user + system) };
}

/** What was begun for clients that have left comes to its end. */
async function settledRuns(): Promise<number> {
  let last = -1;
  await eventually(async () => {
    const before = last;
    last = runs;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return before === runs;
  });
  return runs;
}

/** Raises the rate until a tenth is refused: the capacity depends on what else the machine does. */
async function overloaded(requests: readonly string[], capacity: number, deadlineMs: number) {
  for (const factor of [2, 4, 8]) {
    const before = await settledRuns();
    const found = await perSecond({ requests, connections: 400, perSecond: factor * capacity, forMs: 4_000, deadlineMs });
    const { '200': answered = 0, '503': refused = 0, ...others } = found.loaded.statuses;
    expect(others).toEqual({});
    // What was refused has done nothing; what the load generator did not wait for may have.
    expect((await settledRuns()) - before).toBeLessThanOrEqual((answered + found.loaded.unanswered) * 2);
    if (refused > (answered + refused) / 10) return found;
  }
  throw new Error('nothing is refused at eight times the capacity');
}

describe.each([
  ['exposed', 'GET /work?steps=2'],
  ['composed', 'GET /composed'],
])('an %s route with more requests than it can answer, over 400 connections', (_, line) => {
  test('answers in time nearly as many as it can, and refuses the rest before anything runs', async () => {
    const requests = [requestOf(line)];
    const alone = await perSecond({ requests, connections: 10, forMs: 2_000, deadlineMs: 10_000 });
    // Where ten clients take turns, each waits for nine others; on a busy machine all of it takes longer.
    const deadlineMs = 15 * alone.loaded.p50Ms;
    const many = await overloaded(requests, alone.perSecond, deadlineMs);
    expect(many.ofProcessor / alone.ofProcessor).toBeGreaterThan(0.5);
    expect(many.loaded.p50Ms).toBeLessThan(deadlineMs);
  });
});

test('health is answered while requests are refused, and refusals are counted and say when to come back', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const ask = (path: string) =>
    new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      get({ host: '127.0.0.1', port: runtime.ports['edge'], path, agent }, async (incoming) => {
        let text = '';
        for await (const chunk of incoming.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
        resolve({ status: incoming.statusCode, headers: incoming.headers, text });
      }).on('error', reject);
    });
  expect((await ask('/work?steps=1')).status).toBe(200);
  const crowd = load({ requests: [requestOf('GET /work?steps=2')], connections: 400, perSecond: 4_000, forMs: 60_000, deadlineMs: 500 });
  const probes = new Set<number | undefined>();
  const refused = await eventually(
    async () => {
      probes.add((await ask('/livez')).status);
      // A single young request is served before the old ones of the crowd: so many are not.
      const answers = await Promise.all(Array.from({ length: 64 }, () => ask('/work?steps=1')));
      return answers.find(({ status }) => status === 503);
    },
    (answer) => answer !== undefined,
    30_000,
  ).finally(() => crowd.kill());
  expect(probes).toEqual(new Set([200]));
  expect(refused?.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/problem+json' });
  expect(JSON.parse(refused?.text ?? '')).toMatchObject({ code: 'Overloaded', status: 503 });
  expect((await ask('/metrics')).text).toMatch(/ramet_requests_shed_total\{[^}]*gateway="edge"[^}]*\} \d+/);
  agent.destroy();
});
