import { describe, expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { eventually, startTravel, temporaryFolder } from './fixtures/start.fixture.ts';
import { Trips } from './fixtures/travel.fixture.ts';

/** A disk that can be filled: as SQLite reports it (SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY). */
function disk() {
  let broken: number | undefined;
  const platform = realPlatform();
  return {
    breakWith: (errcode: number | undefined) => {
      broken = errcode;
    },
    platform: {
      ...platform,
      point: (site: string) => {
        if (broken !== undefined && site === 'sqlite.commit')
          throw Object.assign(new Error('database or disk is full'), { errcode: broken });
        return undefined;
      },
    },
  };
}

describe('a full disk', () => {
  test('gives a clear error and readiness 503, keeps answering what it can read, and recovers without help', async () => {
    using folder = temporaryFolder();
    const { breakWith, platform } = disk();
    await using t = await startTravel(folder.path, { platform, ports: { edge: 0 } });
    const url = `http://127.0.0.1:${t.runtime.ports['edge']}`;
    const plan = (tripId: string) =>
      fetch(`${url}/trips`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': tripId },
        body: JSON.stringify({ tripId }),
      });
    const look = async (tripId: string) => (await (await fetch(`${url}/trips/${tripId}`)).json()) as { state: string };
    expect((await plan('before')).status).toBe(202);
    await eventually(
      () => look('before'),
      (trip) => trip.state === 'confirmed',
    );

    breakWith(13);
    const refused = await plan('during');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    const problem = await refused.json();
    expect(problem).toMatchObject({ code: 'StoreUnavailable', title: 'The store is unavailable' });
    // A client learns nothing of the inside, and is given no advice that is not for clients.
    expect(JSON.stringify(problem)).not.toMatch(/trips'|disk|full|permission/);
    await eventually(
      async () => (await fetch(`${url}/readyz`)).status,
      (status) => status === 503,
      5_000,
    );
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ status: 'degraded', checks: { 'database:trips': 'unhealthy' } });
    expect(t.lines.find((line) => /health_check_failed.*database:trips/.test(line))).toContain('free disk space');
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect((await look('before')).state).toBe('confirmed');
    expect((await look('during')).state).toBe('none');

    breakWith(undefined);
    await eventually(
      async () => (await fetch(`${url}/readyz`)).status,
      (status) => status === 200,
      5_000,
    );
    expect((await plan('during')).status).toBe(202);
    await eventually(
      () => look('during'),
      (trip) => trip.state === 'confirmed',
    );
  });

  test('stops sagas and effects where they are, and lets them end when space returns', async () => {
    using folder = temporaryFolder();
    const { breakWith, platform } = disk();
    await using t = await startTravel(folder.path, { platform });
    const trips = t.runtime.client(Trips);
    // The disk fills while the airline is being asked: the ticket is issued and cannot be written down.
    t.world.hook = (name) => {
      if (name === 'flights.performed') breakWith(13);
    };
    await trips.plan({ tripId: 'a' });
    await eventually(() => t.world.tickets.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.world.hook = () => {};
    breakWith(undefined);
    await eventually(
      () => trips.state({ tripId: 'a' }),
      (trip) => ['confirmed', 'dropped'].includes(trip.state),
      40_000,
    );
    const { state } = await trips.state({ tripId: 'a' });
    const ticket = [...t.world.tickets.values()];
    // Either it continued in time, or it was undone; never half of it.
    if (state === 'confirmed') expect(ticket).toEqual(['issued']);
    else
      await eventually(
        () => [...t.world.tickets.values()],
        (values) => values.every((value) => value === 'refunded'),
        40_000,
      );
  }, 90_000);
});
