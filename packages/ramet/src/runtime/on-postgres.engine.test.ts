import { afterAll, vi } from 'vitest';
import { dropDatabases } from '../store/postgres/instead-of-sqlite.fixture.ts';

/*
 * The tests of the runtime once more, on PostgreSQL: there transactions interleave, and every store is shared.
 */
vi.mock('../store/sqlite/index.ts', () => import('../store/postgres/instead-of-sqlite.fixture.ts'));
afterAll(dropDatabases);

await import('./saga.test.ts');
await import('./saga-parallel.test.ts');
await import('./saga-operator.test.ts');
await import('./saga-wait.test.ts');
await import('./saga-sleep.test.ts');
await import('./schedules.test.ts');
await import('./send.test.ts');
await import('./subscriptions.test.ts');
await import('./event-versions.test.ts');
await import('./trace.test.ts');
await import('./policies.test.ts');
await import('./attack-effect.test.ts');
await import('./attack-operator.test.ts');
await import('./attack-program.test.ts');
