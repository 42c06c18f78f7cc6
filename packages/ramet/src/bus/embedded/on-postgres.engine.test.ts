import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { newId, realPlatform } from '../../platform/index.ts';
import { postgres } from '../../store/postgres/index.ts';
import type { BusPlace } from '../conformance/fixture.conformance.ts';
import { busConformance } from '../conformance.ts';
import { embedded } from './index.ts';

/** One process, its stores on PostgreSQL: what a group does at the same time is done in transactions beside each other. */
async function place(): Promise<BusPlace> {
  const prefix = `bus${randomBytes(5).toString('hex')}_`;
  const stores = postgres(sharedEngine('postgres'), { schema: `${prefix}{service}`, partitions: 1, connections: 6, readers: 3 });
  const platform = realPlatform();
  const environment = {
    platform,
    onWarning: () => {},
    onFatal: (error: unknown) => {
      throw error;
    },
  };
  return {
    platform,
    bus: (onError, platform) => embedded().create({ platform, onError, owner: newId(platform, 'own') }),
    // The successor of a killed process continues its retries at once: another test shows that replicas wait for leases.
    async store(service) {
      const store = await stores.open(service, environment);
      return { ...store, capabilities: { ...store.capabilities, shared: false } };
    },
    async dispose() {
      const client = new pg.Client({ connectionString: sharedEngine('postgres') });
      await client.connect();
      const { rows } = await client.query<{ name: string }>('select nspname as name from pg_namespace where starts_with(nspname, $1)', [
        prefix,
      ]);
      for (const { name } of rows) await client.query(`drop schema ${pg.escapeIdentifier(name)} cascade`);
      await client.end();
    },
  };
}

busConformance('embedded on PostgreSQL', {
  capabilities: embedded().capabilities,
  place,
  exceptions: {
    'does not report progress past an event that is under way':
      'here several events share a transaction, so that more is held up than the case counts on',
  },
});
