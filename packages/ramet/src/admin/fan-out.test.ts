import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compose, gateway } from '../gateway/index.ts';
import { type Several, startSeveral } from '../runtime/fixtures/several.fixture.ts';
import { eventually, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips, travel } from '../runtime/fixtures/travel.fixture.ts';
import type { Store } from '../store/index.ts';
import { letterIn } from './admin.fixture.ts';
import { operatorsOf } from './index.ts';

/* What operators see and do from one process, where each service runs in its own process. */

const folder = temporaryFolder();
const tokenFile = join(folder.path, 'admin.token');
const world = newWorld();
let several: Several;

beforeAll(async () => {
  world.hook = (name, key) => {
    if (name === 'hotels.cancel' && !key?.includes('lucky')) throw new Error('the hotel has burnt down');
  };
  const ping = compose('GET /ping', { access: 'public', run: () => ({}) });
  several = await startSeveral(
    folder.path,
    { services: travel(world), gateways: { edge: gateway('edge', { routes: [ping] }) } },
    (process) => (process === 'edge' ? { admin: { port: 0, tokenFile } } : {}),
  );
});
afterAll(async () => {
  await several?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function ask(path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(`http://127.0.0.1:${several.runtimes.get('edge')?.adminPort}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const plan = (tripId: string) => several.runtimes.get('trips')?.client(Trips).plan({ tripId });

test('the services, sagas, subscriptions, schedules and dead letters of all processes are in one list each', async () => {
  await plan('sunny');
  const { items } = await eventually(
    async () => (await ask('/sagas')).body,
    ({ items: [saga] }) => saga?.state === 'COMPLETED',
  );
  expect(items).toMatchObject([{ saga: 'plan-trip', service: 'trips', key: 'sunny' }]);
  expect((await ask('/services')).body.items.map(({ name }: { name: string }) => name).sort()).toEqual(['flights', 'hotels', 'trips']);
  expect((await ask('/subscriptions')).body.items.length).toBeGreaterThan(0);
  for (const path of ['/schedules', '/dead-letters', '/given-up']) expect((await ask(path)).body).toEqual({ items: [] });
});

test('a limit counts the items of all processes together', async () => {
  await plan('second');
  await eventually(
    async () => (await ask('/sagas')).body.items.length,
    (count) => count === 2,
  );
  expect((await ask('/sagas?limit=1')).body.items).toMatchObject([{ key: 'second' }]);
  expect(await ask('/sagas?limit=0')).toMatchObject({ status: 400, body: { errors: [{ path: 'limit' }] } });
});

test('the pages of a list hold each item of all processes once, in one order, whatever is added meanwhile', async () => {
  const names = ['trips', 'hotels', 'flights'];
  const storeOf = (name: string) => several.runtimes.get(name)?.services.get(name)?.store as Store;
  // Several in one moment, and in several services.
  for (let i = 0; i < 9; i++) await letterIn(storeOf(names[i % 3] as string), `dl_${i}`, 1_000 + Math.floor(i / 4));
  const seen: string[] = [];
  let cursor = '';
  let pages = 0;
  do {
    const { body } = await ask(`/dead-letters?limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...body.items.map(({ id }: { id: string }) => id));
    cursor = body.next ?? '';
    if (pages++ === 1) await letterIn(storeOf('hotels'), 'dl_new', 5_000);
  } while (cursor !== '' && pages < 20);
  expect(seen).toEqual(['dl_8', 'dl_7', 'dl_6', 'dl_5', 'dl_4', 'dl_3', 'dl_2', 'dl_1', 'dl_0']);
  expect(pages).toBe(5);
  expect((await ask('/dead-letters?limit=200')).body.items[0].id).toBe('dl_new');
  for (const name of names) await storeOf(name).write((tx) => tx.run('delete from ramet_dead_letters'));
});

test('a saga is shown and acted upon in whatever process it is, and a mistake is answered as there', async () => {
  await plan('grounded-h');
  const stuck = await eventually(
    async () => (await ask('/sagas?attention=true')).body.items[0],
    (saga) => saga?.state === 'COMPENSATION_FAILED',
    20_000,
  );
  expect((await ask(`/sagas/${stuck.sagaId}`)).body).toMatchObject({ sagaId: stuck.sagaId, key: 'grounded-h', steps: expect.any(Array) });
  expect(await ask(`/sagas/${stuck.sagaId}/actions`, { kind: 'dance' })).toMatchObject({ status: 400, body: { code: 'BadRequest' } });
  // The undo that is done by hand is asked of hotels, in the name of trips.
  world.hook = () => {};
  const resolved = await ask(`/sagas/${stuck.sagaId}/actions`, {
    kind: 'resolve',
    step: 'book hotel',
    effect: 'applied',
    reason: 'rebuilt',
  });
  expect(resolved).toMatchObject({ status: 200, body: { sagaId: stuck.sagaId } });
  await eventually(
    async () => (await ask(`/sagas/${stuck.sagaId}`)).body.state,
    (state) => state === 'COMPENSATED',
  );
  expect(await ask(`/sagas/${stuck.sagaId}/actions`, { kind: 'retry' })).toMatchObject({ status: 409, body: { code: 'ActionRefused' } });
});

test('what no process has is not found, and the answer says that all were asked', async () => {
  expect(await ask('/sagas/saga_none')).toMatchObject({
    status: 404,
    body: { code: 'UnknownSaga', detail: expect.stringContaining("No process has the saga 'saga_none'") },
  });
  expect(await ask('/given-up/none/retry', {})).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  expect(await ask('/dead-letters/none/replay', {})).toMatchObject({ status: 404, body: { code: 'NotFound' } });
});

test('no other process may ask, in whatever name', async () => {
  const target = { service: operatorsOf('hotels'), operation: 'GET /sagas' };
  const request = { params: {}, query: {}, body: {} };
  expect(await several.callAs('edge', 'admin', target, request)).toEqual({ ok: true, value: { items: [] } });
  // `trips` may call `hotels`, and is known there.
  expect(await several.callAs('trips', 'trips', target, request)).toMatchObject({ ok: false, code: 'Forbidden' });
  expect(await several.callAs('trips', 'admin', target, request)).toMatchObject({ ok: false, code: 'Unauthenticated' });
  expect(await several.callAs('edge', 'edge', target, request)).toMatchObject({ ok: false, code: 'Forbidden' });
});

test('participants in other processes forget a saga when its owner says that it ended long ago', async () => {
  await plan('past');
  const storeOf = (name: string) => several.runtimes.get(name)?.services.get(name)?.store as Store;
  const ended = () =>
    storeOf('trips').reader.get<{ id: string }>("select id from ramet_sagas where business_key = 'past' and ended_at is not null");
  const { id } = await eventually(ended, (row) => row !== undefined).then((row) => row as { id: string });
  const fences = async () =>
    (
      await Promise.all(
        ['flights', 'hotels'].map((name) => storeOf(name).reader.all('select 1 from ramet_fences where step_key like ?', `${id}:%`)),
      )
    ).flat().length;
  expect(await fences()).toBeGreaterThan(1);
  await storeOf('trips').write((tx) => tx.run('update ramet_sagas set notice_at = 0 where id = ?', id));
  await several.runtimes.get('trips')?.stop();
  await several.start('trips');
  await eventually(fences, (count) => count === 0, 20_000);
  await eventually(() => storeOf('trips').reader.get('select 1 from ramet_sagas where id = ? and notice_at is null', id));
});

test('a list says which services did not answer', async () => {
  await several.runtimes.get('trips')?.stop();
  const { status, body } = await ask('/sagas');
  expect(status).toBe(200);
  expect(body).toEqual({ items: [], unanswered: [{ service: 'trips', why: expect.any(String) }] });
  expect(await ask('/sagas/saga_none')).toMatchObject({
    status: 503,
    body: { detail: expect.stringContaining("no answer came from 'trips'") },
  });
  await several.start('trips');
  await eventually(
    async () => (await ask('/sagas')).body.items.length,
    (count) => count === 4,
    20_000,
  );
});
