import { describe, expect, test } from 'vitest';
import { ended, FREE, fault, hosted, program } from '../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../runtime/fixtures/travel.fixture.ts';

describe('many sagas', () => {
  test('two thousand that are open at boot all end', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    {
      await using t = await startTravel(folder.path, { world });
      await hosted(t, 'trips').store.write(async (tx) => {
        for (let i = 0; i < 2_000; i++)
          await tx.run(
            `insert into ramet_sagas (id, type, program_version, business_key, state, version, epoch, owner, lease_until, input, initiator, trace, created_at, updated_at)
             values (?, 'plan-trip', 1, ?, 'RUNNING', 1, 1, 'gone', ramet_now() + 60000, ?, '', ?, ramet_now(), ramet_now())`,
            `saga_${i}`,
            `t${i}`,
            JSON.stringify({ tripId: `t${i}` }),
            JSON.stringify({ correlationId: 'c', traceparent: 'x' }),
          );
      });
    }
    await using t = await startTravel(folder.path, { world });
    const states = () =>
      hosted(t, 'trips').store.reader.all<{ state: string; n: number }>('select state, count(*) as n from ramet_sagas group by state');
    const end = await eventually(states, (rows) => rows.length === 1 && rows[0]?.state === 'COMPLETED', 50_000);
    expect(Number(end[0]?.n)).toBe(2_000);
    await eventually(() => hosted(t, 'trips').engine?.running === 0);
  });

  test('three hundred that cannot continue do not block others', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, pivot, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await pivot('confirm', trips.confirm({ tripId }));
    });
    await using t = await startTravel(folder.path, { world });
    const real = hosted(t, 'trips').dispatcher as unknown as { call: (operation: string, input: { tripId: string }) => Promise<unknown> };
    const call = real.call.bind(real);
    let away = true;
    // Not 'Unavailable', which would open the circuit of the operation for all of them.
    real.call = (operation, input, ...more) =>
      away && operation === 'confirm' && input.tripId.startsWith('stuck')
        ? Promise.resolve(fault('ShuttingDown', 'no'))
        : (call as Function)(operation, input, ...more);
    const trips = t.runtime.client(Trips);
    // As many at once as the bulkhead of the edge admits.
    for (const from of [0, 150])
      await Promise.all(Array.from({ length: 150 }, (_, i) => trips.plan({ tripId: `stuck ${from + i}` }, { key: `${from + i}` })));
    await trips.plan({ tripId: 'a' });
    expect((await ended(t, 'a', 5_000)).state).toBe('COMPLETED');
    away = false;
    await eventually(() => hosted(t, 'trips').engine?.running === 0, Boolean, 40_000);
  });
});
