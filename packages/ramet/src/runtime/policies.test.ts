import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { use } from '../rpc/index.ts';
import { NO_SPAN } from '../telemetry/index.ts';
import { noting } from '../telemetry/recorder.fixture.ts';
import { callAs, ended, gate } from './fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from './fixtures/start.fixture.ts';
import { Hotels, newWorld, planTrip, Trips } from './fixtures/travel.fixture.ts';

test('an open circuit costs an undo no attempt, and the undo continues with the first probe', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  world.saga = {
    ...planTrip,
    uses: { ...planTrip.uses, hotels: use(Hotels, { breaker: { consecutive: 2, openFor: '2s' } }) },
  } as unknown as typeof planTrip;
  let down = true;
  world.hook = (name) => {
    if (name === 'hotels.cancel' && down) throw new Error('the hotel does not answer');
  };
  const seen: string[] = [];
  await using t = await startTravel(folder.path, {
    world,
    ports: { edge: 0 },
    instrument: {
      spans: false,
      begin({ kind, labels }) {
        if (kind === 'attempt') seen.push(`attempt ${labels['edge']} ${labels['operation']}`);
        return NO_SPAN;
      },
      note(note) {
        if (note.what === 'circuit') seen.push(`${note.edge} ${note.operation}: ${note.from} -> ${note.to}`);
        if (note.what === 'probe') seen.push(`${note.edge} ${note.operation}: probe ${note.inFlight}`);
      },
    },
  });
  const trips = t.runtime.client(Trips);
  const cancels = () => world.calls.filter((call) => call === 'hotels.cancel').length;
  await trips.plan({ tripId: 'grounded-1' });
  expect((await ended(t, 'grounded-1')).state).toBe('COMPENSATION_FAILED');
  await trips.plan({ tripId: 'grounded-2' });
  await eventually(() => seen.includes('trips->hotels cancel: closed -> open'));
  down = false;
  // Three attempts of one undo are one witness, the first of another one is the second.
  expect(cancels()).toBe(4);
  const metrics = async () => (await fetch(`http://127.0.0.1:${t.runtime.ports['edge']}/metrics`)).text();
  expect(await metrics()).toContain('ramet_circuit_state{edge="trips->hotels",operation="cancel"} 2');
  const saga = await ended(t, 'grounded-2');
  expect(saga.state).toBe('COMPENSATED');
  expect(saga.steps.find(({ name }) => name === 'book hotel')?.compensation).toMatchObject({ state: 'COMPENSATED', attempts: 2 });
  expect(cancels()).toBe(5);
  expect(seen.filter((line) => line.startsWith('trips->hotels cancel'))).toEqual([
    'trips->hotels cancel: closed -> open',
    'trips->hotels cancel: open -> half-open',
    'trips->hotels cancel: probe 1',
  ]);
  expect(seen.filter((line) => line === 'attempt trips->hotels cancel')).toHaveLength(5);
  const shown = await metrics();
  expect(shown).toContain('ramet_circuit_state{edge="trips->hotels",operation="cancel"} 1');
  expect(shown).toContain('ramet_circuit_transitions_total{edge="trips->hotels",operation="cancel",to="open"} 1');
  expect(shown).toMatch(/ramet_calls_rejected_total\{edge="trips->hotels",reason="CircuitOpen"\} [1-9]/);
  const opened = t.lines.filter((line) => line.includes('circuit_opened'));
  expect(opened).toHaveLength(1);
  expect(JSON.parse(opened[0] as string)).toMatchObject({
    level: 'warn',
    edge: 'trips->hotels',
    operation: 'cancel',
    from: 'closed',
    to: 'open',
  });
});

test('an effect that is slow, or waits for its other system, does not open the circuit to its service', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.hook = (name) => (name === 'flights.perform' ? held : undefined);
  const opened: string[] = [];
  await using t = await startTravel(folder.path, {
    world,
    instrument: noting((note) => note.what === 'circuit' && opened.push(`${note.edge} ${note.operation} ${note.to}`)),
  });
  const ids = Array.from({ length: 8 }, (_, i) => `trip-${i}`);
  for (const tripId of ids) await t.runtime.client(Trips).plan({ tripId });
  // Every step waits 500 ms for its answer, and they have three of these.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  release();
  for (const tripId of ids) await ended(t, tripId);
  expect(opened).toEqual([]);
});

test('a process that cannot keep up turns reads of users away first, says when to come again, and still answers its operators', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  const real = realPlatform();
  let lagS = 0;
  const platform = { ...real, process: { ...real.process, eventLoopLagSeconds: () => lagS } };
  const { opened, open } = gate();
  world.hook = (name) => (name === 'hotels.book' ? opened : undefined);
  await using t = await startTravel(folder.path, { world, platform, ports: { edge: 0 } });
  const user = { caller: { kind: 'user', subject: 'usr_1', scopes: [] }, timeoutMs: 30_000 };
  const booking = Array.from({ length: 20 }, (_, i) => callAs(t, 'hotels', 'book', { tripId: `${i}` }, user));
  lagS = 0.3;
  const asked = () => fetch(`http://127.0.0.1:${t.runtime.ports['edge']}/trips/1`);
  const refused = await eventually(asked, ({ status }) => status === 503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ code: 'Overloaded' });
  expect(await callAs(t, 'trips', 'state', { tripId: '1' }, user)).toMatchObject({ code: 'Overloaded', executed: 'no' });
  expect((await callAs(t, 'trips', 'accept', { tripId: '1' }, user)).ok).toBe(true);
  expect((await t.runtime.client(Trips).state({ tripId: '1' })).state).toBe('none');
  const metrics = await (await fetch(`http://127.0.0.1:${t.runtime.ports['edge']}/metrics`)).text();
  expect(metrics).toMatch(/ramet_calls_shed_total\{service="trips",priority="read"\} [1-9]/);
  open();
  expect((await Promise.all(booking)).every(({ ok }) => ok)).toBe(true);
  // No request is left that a refusal of others would help.
  expect((await asked()).status).toBe(200);
});
