import { afterAll, beforeEach, vi } from 'vitest';
import { dropDatabases } from '../store/postgres/instead-of-sqlite.fixture.ts';

/*
 * The tests of sagas, services and the runtime once more, on PostgreSQL: there transactions interleave, and every store is shared.
 */
vi.mock('../store/sqlite/index.ts', () => import('../store/postgres/instead-of-sqlite.fixture.ts'));
/** Each of the databases, one for a test, costs a checkpoint when it is dropped. */
const DROP_MS = 600_000;
afterAll(dropDatabases, DROP_MS);

const ROWID = 'reads the rowid of SQLite';
const KILLED = 'the process that is killed has its store in a file';
/** Tests that are about SQLite itself, and why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'run side by side, return their answers by name, and store their intents in one commit':
    'counts rows in a transaction, beside which others commit',
  'receives after a kill what has arrived since': KILLED,
  'continues after the process was killed, even if its time was over in the meantime': KILLED,
  'a run is one transaction: rows, events and the next occurrence commit together, once, over restarts':
    'sets the clock of the process forward, not the server’s',
  'two reactions to one event, in subscriptions of their own, each take it once, over a restart too': ROWID,
  'a subscription that is new takes what was published before it': ROWID,
  "'attempts' limits the starts of one event; 'skip' continues with its key meanwhile and after": ROWID,
  'a subscription that halts posts one alert, and health reports it until it is resumed': ROWID,
  'two thousand that are open at boot all end': 'its sagas have leases of a minute, which count where stores are shared',
  'three hundred that cannot continue do not block others': 'is about how much is in hand at once, which is slow here',
};
beforeEach((context) => {
  const reason = NOT_HERE[context.task.name];
  if (reason !== undefined) context.skip(reason);
});

await import('../saga/saga.test.ts');
await import('../saga/program/parallel.test.ts');
await import('../saga/program/replay.test.ts');
await import('../saga/program/diverged.test.ts');
await import('../saga/program/mistakes.test.ts');
await import('../saga/operators/operator-actions.test.ts');
await import('../saga/run/wait-for-event.test.ts');
await import('../saga/run/sleep.test.ts');
await import('../service/schedules/schedules.test.ts');
await import('../service/effects/odd-step-names.test.ts');
await import('./odd-texts.test.ts');
await import('../service/sent-commands.test.ts');
await import('./subscriptions.test.ts');
await import('./event-versions.test.ts');
await import('./trace.test.ts');
await import('./policies.test.ts');
await import('../service/effects/effects.test.ts');
await import('../saga/cancellation.test.ts');
await import('../saga/program/branches.test.ts');
await import('../saga/run/undo.test.ts');
await import('../saga/run/step-outcome.test.ts');
await import('../saga/operators/while-the-engine-runs.test.ts');
await import('../saga/engine.test.ts');
