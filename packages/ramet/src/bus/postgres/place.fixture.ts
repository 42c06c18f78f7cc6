import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { newId, realPlatform } from '../../platform/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { BusPlace } from '../conformance/fixture.conformance.ts';
import { postgresBus } from './index.ts';

/** Leases so short that no case waits long for those of a process that was killed. */
const LEASE = '400ms';

/** A bus of its own on a server, with stores on SQLite; gone afterwards. */
export async function postgresPlace(url: string): Promise<BusPlace & { readonly schema: string }> {
  const schema = `bus_${randomBytes(5).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bus-'));
  const platform = realPlatform();
  const stores = sqlite(folder, { exclusive: false });
  return {
    schema,
    platform,
    silent: true,
    bus: (onError, on) => postgresBus(url, { schema, lease: LEASE }).create({ platform: on, onError, owner: newId(on, 'own') }),
    store: (service) => stores.open(service, { platform, onWarning: () => {}, onFatal: () => {} }),
    async dispose() {
      rmSync(folder, { recursive: true });
      await dropped(url, schema);
    },
  };
}

/** A process that was killed may still hold what it has locked, for a moment: the server then ends one of the two. */
async function dropped(url: string, schema: string): Promise<void> {
  for (let left = 5; ; left--) {
    try {
      await query(url, `drop schema if exists ${schema} cascade`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01' || left === 0) throw error;
    }
  }
}

/** Asks the server something, on a connection of its own. */
export async function query(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
