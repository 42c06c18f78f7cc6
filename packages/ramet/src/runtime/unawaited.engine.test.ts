import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { test } from 'vitest';
import { sharedEngine } from '../platform/engine.fixture.ts';
import { leftUnawaited } from './fixtures/unawaited.fixture.ts';
import { expectLeft } from './fixtures/unawaited-expected.fixture.ts';

test('what a handler leaves unawaited and what fails then fails its own call on PostgreSQL too', { timeout: 60_000 }, async () => {
  const prefix = `u${randomBytes(4).toString('hex')}_`;
  try {
    expectLeft(await leftUnawaited(sharedEngine('postgres'), prefix));
  } finally {
    const client = new pg.Client(sharedEngine('postgres'));
    await client.connect();
    for (const name of ['pad', 'other', 'bus']) await client.query(`drop owned by ${prefix}${name} cascade; drop role ${prefix}${name}`);
    await client.end();
  }
});
