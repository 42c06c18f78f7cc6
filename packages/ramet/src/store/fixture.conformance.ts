import { expect } from 'vitest';
import type { Platform } from '../platform/index.ts';
import type { Migration, Store, StoreCapabilities, StoreEnvironment, Tx } from './index.ts';

/** One case's store and what stands around it. */
export interface StoreFixture {
  readonly capabilities: StoreCapabilities;
  readonly platform: Platform;
  readonly store: Store;
  readonly environment: StoreEnvironment;
  /** What the store warned of. */
  readonly warnings: readonly object[];
  /** Opens the same store once more: beside the first where stores are shared, after its `close` otherwise. */
  open(): Promise<Store>;
  failNextCommit(): void;
  /** Runs `end` when the case is over, however it ended. */
  defer(end: () => Promise<void>): void;
}

/** Runs a case on a store of its own, which has the framework's tables and `things (id, n, note)`. */
export type OnStore = (run: (fixture: StoreFixture) => Promise<void>) => () => Promise<void>;

export const THINGS: Migration = {
  name: '0001_things',
  sql: 'create table things (id text primary key, n bigint, note text)',
};

export const insert = (tx: Tx, id: string, n = 0) => tx.run('insert into things (id, n) values (?, ?)', id, n);
export const ids = async (store: Store): Promise<string[]> =>
  (await store.reader.all<{ id: string }>('select id from things order by id')).map((row) => row.id);
export const code = (expected: string) => expect.objectContaining({ code: expected });
