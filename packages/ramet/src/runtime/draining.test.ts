import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { contract, stream } from '../contract/index.ts';
import { compose, expose, gateway } from '../gateway/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/* What clients of a gateway see when its process stops while others serve on its port. */

const Ticker = contract('ticker', {
  queries: { ticks: stream({ input: z.object({}), output: z.object({ n: z.number() }), http: 'GET /ticks' }) },
});

async function startGateway(slow: Promise<unknown>) {
  const folder = temporaryFolder();
  const ticker = service(Ticker, { store: sql({ migrations: {} }) }).implement({
    queries: {
      async *ticks() {
        yield { n: 1 };
        await new Promise(() => {});
      },
    },
  });
  const edge = gateway('edge', {
    routes: [
      expose(Ticker, { operations: { ticks: { access: 'public' } } }),
      compose('GET /slow', { access: 'public', run: () => slow.then(() => ({ done: true })) }),
    ],
  });
  const lines: string[] = [];
  const runtime = await start(
    topology({
      services: { ticker: async () => ({ default: ticker }) },
      gateways: { edge: async () => ({ default: edge }) },
      profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
    }),
    { ports: { edge: 0 }, sharePorts: true, logLevel: 'warn', logTo: (line) => void lines.push(line) },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({ port: runtime.ports['edge'], host: '127.0.0.1', path, agent }, resolve);
      asked.once('error', reject).end();
    });
  return {
    runtime,
    ask,
    lines,
    [Symbol.dispose]() {
      agent.destroy();
      folder[Symbol.dispose]();
    },
  };
}

test('the answer to a request that is under way when the process stops says that the connection ends', async () => {
  const slow = Promise.withResolvers<void>();
  using t = await startGateway(slow.promise);
  const answered = t.ask('/slow');
  await sleep(100);
  const stopping = t.runtime.stop();
  await sleep(300);
  slow.resolve();
  const answer = await answered;
  expect(answer.statusCode).toBe(200);
  // Otherwise the next request is sent on a connection that closes.
  expect(answer.headers.connection).toBe('close');
  expect(await text(answer)).toBe('{"done":true}');
  await stopping;
});

test('a stream ends in order when the process stops, and does not delay the stop', async () => {
  using t = await startGateway(Promise.resolve());
  const answer = await t.ask('/ticks');
  const told = text(answer);
  await sleep(100);
  const startedMono = performance.now();
  const stopping = t.runtime.stop();
  // A connection that breaks would reject.
  expect(await told).toBe('data: {"n":1}\n\n');
  expect(performance.now() - startedMono).toBeLessThan(2_000);
  expect(t.lines).toEqual([]);
  t[Symbol.dispose]();
  await stopping;
});
