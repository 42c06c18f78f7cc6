import { expect } from 'vitest';
import type { Exceptions } from '../platform/cases.conformance.ts';
import type { Platform } from '../platform/index.ts';
import {
  type FolderTables,
  type Migration,
  migrate,
  type Store,
  type StoreCapabilities,
  type StoreEnvironment,
  type StoreFactory,
  type Tx,
} from './index.ts';

/** What an adapter of {@link Store} gives to its conformance suite. */
export interface StoreHarness {
  readonly capabilities: StoreCapabilities;
  /** Makes an empty place for stores (a folder, a schema), for one case. */
  place(): Promise<StorePlace>;
  readonly exceptions?: Exceptions;
}

export interface StorePlace {
  /** Its `prepare` has been called; what its stores wrote stays until `dispose`. */
  readonly factory: StoreFactory;
  readonly platform: Platform;
  /** Makes the next COMMIT fail as on a full disk. Without it, name the cases that need it as exceptions. */
  failNextCommit?(): void;
  dispose(): Promise<void>;
}

/** The store of one case, and its environment. */
export interface StoreFixture {
  readonly capabilities: StoreCapabilities;
  readonly platform: Platform;
  readonly store: Store;
  readonly environment: StoreEnvironment;
  /** The warnings of the store. */
  readonly warnings: readonly object[];
  /** Opens the same store again: beside the first where stores are shared, after its `close` otherwise. */
  open(): Promise<Store>;
  failNextCommit(): void;
  /** Runs `end` when the case is over, however it ended. */
  defer(end: () => Promise<void>): void;
}

/** Runs a case on its own store, which has some tables of the framework and `things (id, n, note)`. */
export type OnStore = (run: (fixture: StoreFixture) => Promise<void>) => () => Promise<void>;

export const THINGS: Migration = {
  name: '0001_things',
  sql: 'create table things (id text primary key, n bigint, note text)',
};

export const insert = (tx: Tx, id: string, n = 0) => tx.run('insert into things (id, n) values (?, ?)', id, n);
export const ids = async (store: Store): Promise<string[]> =>
  (await store.reader.all<{ id: string }>('select id from things order by id')).map((row) => row.id);
export const code = (expected: string) => expect.objectContaining({ code: expected });

/** Makes an {@link OnStore}. @param folders whose tables the store has, beside `things` */
export const onStoreOf =
  (harness: StoreHarness, folders: readonly FolderTables[]): OnStore =>
  (run) =>
  async () => {
    const place = await harness.place();
    const warnings: object[] = [];
    const fatal: unknown[] = [];
    const environment: StoreEnvironment = {
      platform: place.platform,
      onWarning: (event, fields) => warnings.push({ event, ...fields }),
      onFatal: (error) => fatal.push(error),
    };
    const deferred: (() => Promise<void>)[] = [];
    const open = async () => {
      const store = await place.factory.open('things', environment);
      deferred.push(() => store.close());
      return store;
    };
    try {
      const store = await open();
      await migrate(store, place.platform, folders, [THINGS]);
      await run({
        capabilities: harness.capabilities,
        platform: place.platform,
        store,
        environment,
        warnings,
        open,
        defer: (end) => deferred.push(end),
        failNextCommit() {
          if (!place.failNextCommit) throw new Error('the harness offers no failNextCommit(): add it, or name this case as an exception');
          place.failNextCommit();
        },
      });
      if (fatal.length > 0) throw fatal[0];
    } finally {
      for (const end of deferred.reverse()) await end();
      await place.dispose();
    }
  };
