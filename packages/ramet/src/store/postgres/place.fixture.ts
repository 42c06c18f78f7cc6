import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { BUS_TABLES } from '../../bus/index.ts';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { realPlatform } from '../../platform/index.ts';
import { migrate, STORE_TABLES, type Store, type StoreEnvironment } from '../index.ts';
import { type PostgresOptions, postgres, provision } from './index.ts';

/** Roles and schemas for one test, which are removed when it ends. */
export interface Place extends AsyncDisposable {
  readonly urls: Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly warnings: object[];
  readonly environment: StoreEnvironment;
  /** Opens the store of `things` with a table `things (id, n, note)`; it is closed when the test ends. */
  open(options?: PostgresOptions & { url?: string }): Promise<Store>;
  /** Executes a statement as the superuser of the server. */
  admin<R extends object>(sql: string, ...values: unknown[]): Promise<R[]>;
}

export async function newPlace(server: string = sharedEngine('postgres'), services: readonly string[] = ['things']): Promise<Place> {
  const prefix = `t${randomBytes(5).toString('hex')}_`;
  const { urls } = await provision(server, { services, prefix });
  const warnings: object[] = [];
  const stores: Store[] = [];
  const environment: StoreEnvironment = {
    platform: realPlatform(),
    onWarning: (event, fields, detail) => warnings.push({ event, ...fields, detail }),
    onFatal: (error) => {
      throw error;
    },
  };
  const admin = async <R extends object>(sql: string, ...values: unknown[]): Promise<R[]> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    try {
      return (await client.query<R>(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    urls,
    prefix,
    warnings,
    environment,
    admin,
    async open({ url, ...options } = {}) {
      const store = await postgres(() => url ?? (urls['things'] as string), options).open('things', environment);
      stores.push(store);
      await migrate(
        store,
        environment.platform,
        [STORE_TABLES, BUS_TABLES],
        [{ name: '0001_things', sql: 'create table things (id text primary key, n bigint, note text)' }],
      );
      return store;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(stores.map((store) => store.close()));
      for (const name of [...services, 'bus']) {
        await admin(`drop owned by ${prefix}${name} cascade`);
        await admin(`drop role ${prefix}${name}`);
      }
    },
  };
}

/** A promise and the function that resolves it: for exact interleavings. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
