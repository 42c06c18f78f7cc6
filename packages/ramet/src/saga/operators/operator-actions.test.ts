import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import { contract, query } from '../../contract/index.ts';
import { act, ended } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, staysTrueFor, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Hotels, newWorld, Trips, travel } from '../../runtime/fixtures/travel.fixture.ts';
import { start, topology } from '../../runtime/index.ts';
import { service, sql } from '../../service/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { SagaNeedsAttention } from '../index.ts';

describe('an undo that fails', () => {
  const failing = async (folder: string) => {
    const world = newWorld();
    world.hook = (name) => {
      if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
    };
    const t = await startTravel(folder, { world });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-h' });
    const saga = await ended(t, 'grounded-h');
    return { t, world, saga };
  };

  test('is tried three times, raises one alert, and does not block the other undos', async () => {
    using folder = temporaryFolder();
    const { t, world, saga } = await failing(folder.path);
    await using _t = t;
    expect(saga).toMatchObject({ state: 'COMPENSATION_FAILED', status: 'compensating', compensatedSteps: ['accept'] });
    expect(saga.steps.find((step) => step.name === 'book hotel')?.compensation).toMatchObject({ state: 'COMP_FAILED', attempts: 3 });
    expect(world.calls.filter((call) => call === 'hotels.cancel')).toHaveLength(3);
    const alerts = await t.runtime.services
      .get('trips')
      ?.store.reader.all("select event_id from ramet_outbox where event = 'trips.SagaNeedsAttention'");
    expect(alerts).toEqual([{ event_id: `${saga.sagaId}:book hotel:alert:3` }]);
    expect(t.lines.filter((line) => line.includes('its undo failed 3 times'))).toHaveLength(1);
  });

  test('is tried again when an operator retries it', async () => {
    using folder = temporaryFolder();
    const { t, world, saga } = await failing(folder.path);
    await using _t = t;
    world.hook = () => {};
    await act(t, saga.sagaId, { kind: 'retry' });
    const after = await ended(t, 'grounded-h');
    expect(after).toMatchObject({ state: 'COMPENSATED', status: 'failed' });
    expect((await t.runtime.client(Hotels).booked({})).cancelled).toEqual(['grounded-h']);
    expect(after.log.some((entry) => entry.actor === 'ann' && entry.detail === 'retry')).toBe(true);
    await expect(act(t, saga.sagaId, { kind: 'retry' })).rejects.toMatchObject({ code: 'ActionRefused' });
  });

  test('counts as done when an operator resolves it as absent', async () => {
    using folder = temporaryFolder();
    const { t, world, saga } = await failing(folder.path);
    await using _t = t;
    expect(saga.steps.find((step) => step.name === 'book hotel')?.compensation?.error).toContain('Internal');
    await act(t, saga.sagaId, { kind: 'resolve', step: 'book hotel', effect: 'absent', reason: 'called them' });
    const after = await ended(t, 'grounded-h');
    expect(after).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept', 'book hotel'] });
    // What its last attempt failed with is past.
    expect(after.steps.find((step) => step.name === 'book hotel')?.compensation).toEqual({ state: 'COMPENSATED', attempts: 3 });
    expect(world.calls.filter((call) => call === 'hotels.cancel')).toHaveLength(3);
  });

  test('is tried again when an operator resolves it as applied', async () => {
    using folder = temporaryFolder();
    const { t, world, saga } = await failing(folder.path);
    await using _t = t;
    world.hook = () => {};
    await act(t, saga.sagaId, { kind: 'resolve', step: 'book hotel', effect: 'applied', reason: 'the room is still ours' });
    expect((await ended(t, 'grounded-h')).state).toBe('COMPENSATED');
    expect(world.calls.filter((call) => call === 'hotels.cancel')).toHaveLength(4);
  });

  test('stays as it is when an operator skips it, and no longer needs an operator', async () => {
    using folder = temporaryFolder();
    const { t, saga } = await failing(folder.path);
    await using _t = t;
    await expect(act(t, saga.sagaId, { kind: 'skip', step: 'accept', reason: 'no' })).rejects.toMatchObject({ code: 'ActionRefused' });
    await act(t, saga.sagaId, { kind: 'skip', step: 'book hotel', reason: 'they keep the money' });
    const after = await ended(t, 'grounded-h');
    expect(after).toMatchObject({ state: 'COMPENSATION_FAILED', status: 'failed' });
    expect(after.attention).toBeUndefined();
  });
});

test('an alert reaches the webhook once, even if the webhook is unavailable at first', async () => {
  using folder = temporaryFolder();
  const posted: { id: string; body: { reason: string } }[] = [];
  let away = 2;
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      if (away-- > 0) return response.writeHead(503).end();
      posted.push({ id: String(request.headers['idempotency-key']), body: JSON.parse(text) });
      return response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const world = newWorld();
  world.hook = (name) => {
    if (name === 'hotels.cancel') throw new Error('no');
  };
  await using t = await startTravel(folder.path, {
    world,
    alertWebhook: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
  });
  await t.runtime.client(Trips).plan({ tripId: 'grounded-o' });
  const saga = await ended(t, 'grounded-o');
  await eventually(() => posted.length > 0);
  await staysTrueFor(500, () => posted.length === 1);
  expect(posted[0]).toMatchObject({
    id: `${saga.sagaId}:book hotel:alert:3`,
    body: { reason: expect.stringContaining('its undo failed 3 times') },
  });
  server.close();
});

test('a service reacts to sagas of another service that need an operator, with typed data', async () => {
  using folder = temporaryFolder();
  const Desk = contract('desk', { queries: { open: query({ input: z.object({}), output: z.array(z.string()) }) } });
  const desk = service(Desk, {
    store: sql<{ tickets: { text: string } }>({ migrations: { '0001_tickets': 'create table tickets (text text not null)' } }),
  }).implement({
    queries: { open: async (_, { db }) => (await db.selectFrom('tickets').select('text').execute()).map(({ text }) => text) },
    reactions: (on) => [
      on(SagaNeedsAttention.of('trips'), async ({ saga, key, step, reason }, { db }) => {
        const text = `${saga} ${key} ${step?.toUpperCase()}: ${reason.includes('burnt down')}`;
        await db.insertInto('tickets').values({ text }).execute();
      }),
    ],
  });
  const world = newWorld();
  world.hook = (name) => {
    if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
  };
  const runtime = await start(
    topology({ services: { ...travel(world), desk }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }),
    { logLevel: 'silent' },
  );
  try {
    await runtime.client(Trips).plan({ tripId: 'grounded-a' });
    const tickets = await eventually(
      () => runtime.client(Desk).open({}),
      (open) => open.length > 0,
    );
    // Other services learn that a handler failed, but not what it threw.
    expect(tickets).toEqual(['plan-trip grounded-a BOOK HOTEL: false']);
  } finally {
    await runtime.stop();
  }
});
