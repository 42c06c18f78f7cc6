import { afterAll, vi } from 'vitest';
import { dropDatabases } from '../../store/postgres/instead-of-sqlite.fixture.ts';

/* The tests of one service's life once more, on PostgreSQL: there stores are shared, and leases say which process works on a row. */
vi.mock('../../store/sqlite/index.ts', () => import('../../store/postgres/instead-of-sqlite.fixture.ts'));
const DROP_MS = 600_000;
afterAll(dropDatabases, DROP_MS);

await import('./home.test.ts');
