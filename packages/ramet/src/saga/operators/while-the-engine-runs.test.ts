import { describe, expect, test } from 'vitest';
import { act, ended, gate, intercept, show } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('an operator who acts while the engine runs the saga', () => {
  test('resolving one undo does not end a saga with further undos', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const dropping = gate();
    world.hook = (name) => {
      if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
    };
    await using t = await startTravel(folder.path, { world });
    intercept(t, 'trips', async (operation, real) => {
      if (operation === 'drop') await dropping.opened;
      return real();
    });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    const saga = await eventually(
      () => show(t, 'grounded-a'),
      (seen) => seen.steps.some((step) => step.name === 'accept' && step.compensation?.state === 'STARTED'),
    );
    expect(saga.state).toBe('COMPENSATING');
    await act(t, saga.sagaId, { kind: 'resolve', step: 'book hotel', effect: 'absent', reason: 'called them' });
    expect((await show(t, 'grounded-a')).state).toBe('COMPENSATING');
    dropping.open();
    expect(await ended(t, 'grounded-a')).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept', 'book hotel'] });
    expect((await t.runtime.client(Trips).state({ tripId: 'grounded-a' })).state).toBe('dropped');
  });

  test('cancelling leaves the saga with its owner: it is undone at its next step, not after a lease', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const flown = gate();
    world.hook = (name) => (name === 'flights.perform' ? flown.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.calls.includes('flights.perform'));
    const { sagaId, epoch } = await show(t, 'a');
    await act(t, sagaId, { kind: 'cancel', reason: 'the customer called' });
    flown.open();
    expect(await ended(t, 'a', 8_000)).toMatchObject({ state: 'COMPENSATED', failureReason: 'the customer called', epoch });
    expect([...world.tickets.values()]).toEqual(['refunded']);
  });
});
