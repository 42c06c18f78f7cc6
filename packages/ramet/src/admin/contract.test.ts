import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTravel, type Travelling, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../runtime/fixtures/travel.fixture.ts';
import type { Store } from '../store/index.ts';
import { letterIn } from './admin.fixture.ts';
import { ADMIN_ROUTES } from './index.ts';

/* Each route of a running process answers as the contract says, and accepts nothing that the contract does not name. */

const folder = temporaryFolder();
const tokenFile = join(folder.path, 'admin.token');
const world = newWorld();
let travelling: Travelling;
let store: Store;
const tried = new Set<string>();

beforeAll(async () => {
  world.hook = (name) => {
    if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
  };
  travelling = await startTravel(folder.path, { world, ports: { edge: 0 }, admin: { port: 0, tokenFile } });
  store = travelling.runtime.services.get('trips')?.store as Store;
});
afterAll(async () => {
  await travelling?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function send(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(`http://127.0.0.1:${travelling.runtime.adminPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  });
  return { status: response.status, body: await response.json() };
}

/** Asks a route, and checks that its answer holds what the contract says and nothing else. */
async function ask(name: keyof typeof ADMIN_ROUTES, { id = '', query = '', body }: { id?: string; query?: string; body?: unknown } = {}) {
  const { method, path, output } = ADMIN_ROUTES[name];
  const answer = await send(method, path.replace(':id', id) + query, body);
  expect(answer).toMatchObject({ status: 200 });
  expect(output.parse(answer.body)).toEqual(answer.body);
  tried.add(name);
  return answer.body;
}

test('lists and details of a process at work are as the contract says', async () => {
  await travelling.runtime.client(Trips).plan({ tripId: 'sunny' });
  await travelling.runtime.client(Trips).plan({ tripId: 'grounded' });
  const [stuck] = (
    await eventually(
      () => ask('sagas', { query: '?attention=true' }),
      ({ items }) => items[0]?.state === 'COMPENSATION_FAILED',
    )
  ).items;
  await ask('sagas', { query: '?state=COMPENSATION_FAILED&limit=1' });
  expect((await ask('saga', { id: stuck.sagaId })).steps.length).toBeGreaterThan(1);
  expect((await ask('services')).items.map(({ name }: { name: string }) => name)).toEqual(['flights', 'hotels', 'trips']);
  expect((await ask('subscriptions')).items).toMatchObject([{ service: 'trips', subscription: 'trips' }]);
  await ask('health');
  await ask('call', { body: { service: 'trips', operation: 'state', input: { tripId: 'sunny' } } });
  world.hook = () => {};
  await ask('actOnSaga', { id: stuck.sagaId, body: { kind: 'retry' } });
});

test('dead letters are as the contract says, before and after an operator decided', async () => {
  await letterIn(store, 'dl_1', 1);
  await letterIn(store, 'dl_2', 2);
  expect((await ask('deadLetters')).items).toMatchObject([{ id: 'dl_2' }, { id: 'dl_1' }]);
  expect(await ask('deadLetter', { id: 'dl_1' })).toMatchObject({ error: 'boom' });
  await ask('discardDeadLetter', { id: 'dl_1' });
  await ask('replayDeadLetter', { id: 'dl_2' });
  expect(await send('GET', '/dead-letters/dl_1')).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining("This process has no dead letter 'dl_1'") },
  });
});

test('schedules and given-up work are as the contract says', async () => {
  await store.write(async (tx) => {
    await tx.run(
      "insert into ramet_timers (id, kind, lane, due_at, payload, attempts, last_error, given_up_at) values ('w1', 'note', 'hotels.book', 1, 'null', 8, 'ended', 1000)",
    );
    await tx.run(
      "insert into ramet_schedules (name, spec, due_at, next_at, attempts, last_error, given_up_at) values ('sweep', 'every 1h', 1, 1, 8, 'ended', 2000)",
    );
  });
  expect((await ask('schedules')).items).toMatchObject([{ service: 'trips', name: 'sweep' }]);
  const { items, next } = await ask('givenUp', { query: '?limit=1' });
  expect(items).toMatchObject([{ id: 'schedule:trips:sweep' }]);
  expect((await ask('givenUp', { query: `?limit=1&cursor=${next}` })).items).toMatchObject([{ id: 'w1', what: 'hotels.book' }]);
  await ask('retryGivenUp', { id: 'w1' });
});

test('every route was tried, and the document describes each', async () => {
  expect([...tried].sort()).toEqual(Object.keys(ADMIN_ROUTES).sort());
  const { body } = await send('GET', '/openapi.json');
  for (const { method, path } of Object.values(ADMIN_ROUTES)) {
    const operation = body.paths[path.replace(':id', '{id}')][method.toLowerCase()];
    expect(operation.responses['200'].content['application/json'].schema).toBeTypeOf('object');
  }
  const filters = body.paths['/sagas'].get.parameters;
  expect(filters).toContainEqual(
    expect.objectContaining({ name: 'state', schema: expect.objectContaining({ enum: expect.arrayContaining(['DIVERGED']) }) }),
  );
});

test.each([
  ['/sagas?state=BROKEN', 'state', /expected one of .*"COMPENSATION_FAILED"/],
  ['/sagas?attention=yes', 'attention', /expected "true"/],
  ['/sagas?status=failed', 'status', /the parameters here are state, attention, limit, cursor$/],
  ['/sagas?limit=0', 'limit', /from 1 to 200/],
  ['/sagas?limit=201', 'limit', /from 1 to 200/],
  ['/sagas?cursor=abc', 'cursor', /take it from 'next'/],
  [`/dead-letters?cursor=${Buffer.from('["soon","a"]').toString('base64url')}`, 'cursor', /take it from 'next'/],
  ['/schedules?service=trips', 'service', /the parameters here are limit, cursor$/],
  ['/sagas/saga_none?verbose=1', 'verbose', /this route takes no parameters/],
])('%s is refused with what is allowed', async (path, parameter, message) => {
  const { status, body } = await send('GET', path);
  expect({ status, body }).toMatchObject({ status: 400, body: { errors: [{ path: parameter, message: expect.stringMatching(message) }] } });
});

test.each<[string, object, string, RegExp]>([
  ['/call', { service: 'trips', operation: 'state', inputs: { tripId: 'sunny' } }, 'inputs', /not a field/],
  ['/sagas/saga_none/actions', { kind: 'retry', step: 'book hotel' }, 'step', /not a field/],
  ['/dead-letters/dl_none/replay', { all: true }, 'all', /takes no body/],
])('a body for %s with a field that it does not have is refused: %j', async (path, sent, field, message) => {
  const { status, body } = await send('POST', path, sent);
  expect({ status, body }).toMatchObject({ status: 400, body: { errors: [{ path: field, message: expect.stringMatching(message) }] } });
});

test('a service shows what its sagas use, beside what its handlers use', async () => {
  const { items } = await ask('services');
  const trips = items.find(({ name }: { name: string }) => name === 'trips');
  expect(trips.uses).toEqual(
    expect.arrayContaining(['hotels', 'flights'].map((service) => ({ name: service, target: service, kind: 'service' }))),
  );
  expect(new Set(trips.uses.map(({ name }: { name: string }) => name)).size).toBe(trips.uses.length);
});
