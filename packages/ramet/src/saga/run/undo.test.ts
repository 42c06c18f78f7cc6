import { describe, expect, test } from 'vitest';
import { act, ended, fault, hosted, intercept } from '../../runtime/fixtures/driving.fixture.ts';
import { startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Hotels, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('an undo that could not be attempted', () => {
  test('does not count, even if its deadline passed in the queue', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    let queued = 0;
    intercept(t, 'hotels', async (operation, real) => (operation === 'cancel' && ++queued <= 4 ? fault('DeadlineExceeded', 'no') : real()));
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPENSATED');
    expect((await t.runtime.client(Hotels).booked({})).cancelled).toEqual(['grounded-a']);
  });

  test('has three attempts when an operator retries it, however many were used', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    let answer = fault('EffectInDoubt', 'unknown');
    let attempts = 0;
    intercept(t, 'hotels', async (operation, real) => {
      if (operation !== 'cancel') return real();
      attempts++;
      return answer;
    });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    const { sagaId, state } = await ended(t, 'grounded-a');
    expect([state, attempts]).toEqual(['IN_DOUBT', 1]);
    answer = fault('Internal', 'unknown');
    await act(t, sagaId, { kind: 'retry' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPENSATION_FAILED');
    expect(attempts).toBe(4);
    const alerts = await hosted(t, 'trips').store.reader.all("select event_id from ramet_outbox where event = 'trips.SagaNeedsAttention'");
    expect(alerts).toHaveLength(2);
  });
});
