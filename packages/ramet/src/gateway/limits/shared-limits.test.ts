import { expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { Canceller } from '../../rpc/index.ts';
import { localTransport } from '../../rpc/local/index.ts';
import { silentLog } from '../../telemetry/index.ts';
import { noting } from '../../telemetry/recorder.fixture.ts';
import { compose, gateway } from '../gateway.ts';
import { createGateway } from '../handler.ts';
import { type LimitStore, memoryStore } from './limit-store.ts';

const platform = realPlatform();

/** Two replicas of one gateway whose limits are counted in one place, as if beyond a wire. */
function replicas(store: LimitStore) {
  const definition = gateway('web', {
    authenticate: { issuer: 'x', audience: 'x', keys: 'https://x.example/keys' },
    limit: { rate: '3/1h' },
    routes: [
      compose('GET /open', { access: 'public', run: () => 'hello' }),
      compose('GET /closed', { access: 'public', limit: { rate: '2/1h', storeFailure: 'failClosed' }, run: () => 'hello' }),
      compose('GET /mine', { access: 'authenticated', run: () => 'hello' }),
    ],
  });
  const answers: string[] = [];
  const handlers = [1, 2].map(
    () =>
      createGateway(
        {
          platform,
          transport: localTransport(new Map()),
          log: silentLog,
          limits: store,
          instrument: noting((note) => note.what === 'limit uncounted' && answers.push(note.answer)),
        },
        definition,
      ).handler,
  );
  const get = async (replica: number, path: string, headers: Record<string, string> = {}) => {
    const response = await (handlers[replica] as (typeof handlers)[0]).handle({
      method: 'GET',
      segments: [path],
      rawQuery: '',
      headers: new Map(Object.entries(headers)),
      socketAddress: '192.0.2.7',
      body: async () => undefined,
      cancellation: new Canceller(),
    });
    return { status: response.status, headers: response.headers };
  };
  return { get, answers };
}

const beyondAWire = (fails: () => boolean): LimitStore => {
  const memory = memoryStore(platform);
  return {
    ...memory,
    counter(bucket, rate) {
      const counter = memory.counter(bucket, rate);
      return {
        async take(key) {
          await platform.timers.yield();
          if (fails()) throw new Error('connection lost');
          return counter.take(key);
        },
      };
    },
  };
};

test('replicas of a gateway count the requests of a client together', async () => {
  const { get, answers } = replicas(beyondAWire(() => false));
  expect([await get(0, 'open'), await get(1, 'open'), await get(0, 'open')]).toMatchObject([
    { status: 200, headers: { 'ratelimit-remaining': '2' } },
    { status: 200, headers: { 'ratelimit-remaining': '1' } },
    { status: 200, headers: { 'ratelimit-remaining': '0' } },
  ]);
  expect(await get(1, 'open')).toMatchObject({ status: 429, headers: { 'ratelimit-limit': '3', 'retry-after': '1200' } });
  // A route's own limit counts apart.
  expect([(await get(0, 'closed')).status, (await get(1, 'closed')).status, (await get(0, 'closed')).status]).toEqual([200, 200, 429]);
  expect(answers).toEqual([]);
});

test('failed authentications count together too: a client cannot try again at the next replica', async () => {
  const { get } = replicas(beyondAWire(() => false));
  const statuses: number[] = [];
  for (let i = 0; i < 302; i++) statuses.push((await get(i % 2, 'mine')).status);
  expect([statuses.indexOf(429), statuses.at(-1)]).toEqual([300, 429]);
});

test('while the store is unavailable, a limit that fails open is counted by each replica alone, and one that fails closed answers 503', async () => {
  const { get, answers } = replicas(beyondAWire(() => true));
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await get(i % 2, 'open')).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
  expect(await get(0, 'closed')).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(new Set(answers)).toEqual(new Set(['failOpen', 'failClosed']));
});
