import { expect, test } from 'vitest';
import type { Envelope } from '../bus/index.ts';
import { eventually, startTravel, temporaryFolder } from './fixtures/start.fixture.ts';
import { Trips } from './fixtures/travel.fixture.ts';

const post = (port: number | undefined, tripId: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}/trips`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ tripId }),
  });

test('a correlation id goes from the request through calls, events and sagas into every log line', async () => {
  using folder = temporaryFolder();
  await using t = await startTravel(folder.path, { ports: { edge: 0 }, logLevel: 'info', version: '1.2.3', env: 'test', name: 'travel' });
  t.world.hook = (name) => {
    if (name === 'hotels.cancel') throw new Error('no room for cancellations');
  };
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const answer = await post(t.runtime.ports['edge'], 'grounded-a', { 'x-correlation-id': 'mine-42', traceparent });
  expect(answer.headers.get('x-correlation-id')).toBe('mine-42');
  const { store } = t.runtime.services.get('trips') as NonNullable<ReturnType<typeof t.runtime.services.get>>;
  await eventually(
    () => store.reader.all<{ state: string }>('select state from ramet_sagas'),
    (rows) => rows[0]?.state === 'COMPENSATION_FAILED',
  );
  const envelopes: Envelope[] = [];
  for (const hosted of t.runtime.services.values()) {
    const rows = await hosted.store.reader.all<{ envelope: string }>('select envelope from ramet_outbox');
    envelopes.push(...rows.map((row) => JSON.parse(row.envelope) as Envelope));
  }
  expect(envelopes.map((envelope) => envelope.type).sort()).toEqual(['hotels.RoomBooked', 'trips.SagaNeedsAttention', 'trips.TripPlanned']);
  for (const envelope of envelopes) {
    expect(envelope.correlationId).toBe('mine-42');
    expect(envelope.traceparent).toContain('4bf92f3577b34da6a3ce929d0e0e4736');
  }
  // The room was booked by a step of the saga, which says so.
  expect(envelopes.find((envelope) => envelope.type === 'hotels.RoomBooked')?.causationId).toMatch(/^saga_.*:book hotel$/);
  const lines = t.lines.flatMap((chunk) => chunk.trim().split('\n')).map((line) => JSON.parse(line) as Record<string, unknown>);
  const failed = lines.filter((line) => line['level'] === 'error');
  expect(failed.length).toBeGreaterThan(0);
  for (const line of failed) expect(line).toMatchObject({ correlationId: 'mine-42', version: '1.2.3', env: 'test' });
  expect(failed.map((line) => line['service'])).toContain('hotels');
});

test('a malformed correlation id is replaced, and one is made where there is none', async () => {
  using folder = temporaryFolder();
  await using t = await startTravel(folder.path, { ports: { edge: 0 } });
  const given = await post(t.runtime.ports['edge'], 'a', { 'x-correlation-id': 'no spaces please' });
  const none = await post(t.runtime.ports['edge'], 'b');
  for (const answer of [given, none]) expect(answer.headers.get('x-correlation-id')).toMatch(/^cor_[0-9a-z]+$/);
  await eventually(
    () => t.runtime.client(Trips).state({ tripId: 'b' }),
    (trip) => trip.state === 'confirmed',
  );
});
