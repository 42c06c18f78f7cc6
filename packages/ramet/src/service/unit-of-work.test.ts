import { expect, test } from 'vitest';
import { eventually, startTravel, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../runtime/fixtures/travel.fixture.ts';

test('what a handler requests after it has returned is refused, and not silently lost', async () => {
  using folder = temporaryFolder();
  const late: unknown[] = [];
  const world = newWorld();
  world.onPlan = (ctx) =>
    void setTimeout(() => {
      for (const ask of [() => ctx.emit.TripPlanned({ tripId: 'late' }), () => ctx.send(Trips.commands.accept, { tripId: 'late' })]) {
        try {
          ask();
        } catch (error) {
          late.push(error);
        }
      }
    }, 50);
  await using t = await startTravel(folder.path, { world });
  await t.runtime.client(Trips).plan({ tripId: 'a' });
  await eventually(() => late.length === 2);
  expect(late).toEqual([expect.objectContaining({ code: 'TransactionClosed' }), expect.objectContaining({ code: 'TransactionClosed' })]);
});
