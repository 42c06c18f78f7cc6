export { countCrash, EndedAttempts, isGivenUp, STARTS_MAX, Suspects } from './crash-count.ts';
export { type DueHandler, DueWorker, GiveUp } from './due.ts';
export { type GivenUpWork, listGivenUp, NOT_DUE, retryGivenUp, schedule } from './due-rows.ts';
export { type FolderTables, frameworkMigrations, type Migration } from './folder-tables.ts';
export { lowWater, markOldStores, mayBeForgotten, raiseMark } from './marks.ts';
export { type Migrations, migrate, readMigrations } from './migrate.ts';
export { type MovedTable, moveStore, refuseMoved } from './move.ts';
export { type Newest, newestFirst } from './newest.ts';
export { createRetention } from './retention.ts';
export type {
  Abreast,
  Hints,
  Param,
  Reader,
  Reads,
  Store,
  StoreCapabilities,
  StoreEnvironment,
  StoreFactory,
  Table,
  Tx,
  WriteOptions,
} from './store.ts';
export { NoRowChanged } from './store.ts';
export { STORE_TABLES } from './tables.ts';
export { inTurns } from './turns.ts';
