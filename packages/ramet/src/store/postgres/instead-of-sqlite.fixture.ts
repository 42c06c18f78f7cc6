import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import pg from 'pg';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import type { StoreFactory } from '../factory.ts';
import type { SqliteOptions } from '../sqlite/index.ts';
import { postgres } from './index.ts';

const CAPABILITIES = postgres('').capabilities;
const databases = new Map<string, Promise<string>>();

/**
 * What tests of the framework know as SQLite in a folder, on PostgreSQL in a database of the folder's name: put in the place of
 * `store/sqlite/index.ts`, it runs them on this engine without a change of theirs.
 */
export function sqlite(folder: string, _options: SqliteOptions = {}): StoreFactory {
  const name = `t_${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  const url = new URL(sharedEngine('postgres'));
  const factory = (): StoreFactory => {
    url.pathname = `/${name}`;
    return postgres(url.href, { partitions: 4, connections: 6, readers: 4 });
  };
  return {
    capabilities: CAPABILITIES,
    async prepare(environment) {
      if (!existsSync(folder)) throw new Error(`the folder '${folder}', which stands for a database, is not there`);
      if (!databases.has(name)) databases.set(name, created(name));
      await databases.get(name);
      await factory().prepare(environment);
    },
    open: async (service, environment) => {
      if (!databases.has(name)) databases.set(name, created(name));
      await databases.get(name);
      // It is known that every role is a superuser here.
      return factory().open(service, {
        ...environment,
        onWarning: (event, fields, detail) => detail?.includes('superuser') || environment.onWarning(event, fields, detail),
      });
    },
    release: async () => {},
  };
}

async function created(name: string): Promise<string> {
  const client = new pg.Client({ connectionString: sharedEngine('postgres') });
  await client.connect();
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (!rowCount) await client.query(`create database ${name}`);
  await client.end();
  return name;
}

/** Drops every database that was created here. */
export async function dropDatabases(): Promise<void> {
  const client = new pg.Client({ connectionString: sharedEngine('postgres') });
  await client.connect();
  for (const name of databases.keys()) await client.query(`drop database if exists ${name} with (force)`);
  databases.clear();
  await client.end();
}
