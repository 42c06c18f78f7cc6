import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { outboxConformance } from '../../bus/conformance/outbox.conformance.ts';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { realPlatform } from '../../platform/index.ts';
import { storeConformance } from '../conformance.ts';
import type { StoreHarness } from '../fixture.conformance.ts';
import { postgres, provision } from './index.ts';

const admin = async (...statements: string[]): Promise<void> => {
  const client = new pg.Client({ connectionString: sharedEngine('postgres') });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
};

const harness: StoreHarness = {
  capabilities: postgres('').capabilities,
  async place() {
    const prefix = `t${randomBytes(5).toString('hex')}_`;
    const faults: unknown[] = [];
    const platform = realPlatform({
      onPoint(site) {
        const fault = site === 'postgres.commit' ? faults.shift() : undefined;
        return fault ? Promise.reject(fault) : undefined;
      },
    });
    const { urls } = await provision(sharedEngine('postgres'), { services: ['things'], prefix });
    return {
      factory: postgres((service) => urls[service] as string),
      platform,
      failNextCommit: () =>
        void faults.push(Object.assign(new Error('could not extend file: No space left on device'), { code: '53100', severity: 'ERROR' })),
      dispose: () =>
        admin(
          ...['things', 'bus'].map((name) => `drop owned by ${prefix}${name} cascade`),
          ...['things', 'bus'].map((name) => `drop role ${prefix}${name}`),
        ),
    };
  },
};
storeConformance('postgres', harness);
outboxConformance('postgres', harness);
