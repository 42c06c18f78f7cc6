export { type DueHandler, DueWorker, GiveUp } from './due.ts';
export { type GivenUpWork, listGivenUp, NOT_DUE, retryGivenUp, schedule } from './due-rows.ts';
export { inboxLowWater, mayBeForgotten } from './marks.ts';
export { type Migrations, migrate, readMigrations } from './migrate.ts';
export { type MovedTable, type MoveOptions, moveStore, refuseMoved } from './move.ts';
export { type Newest, newestFirst } from './newest.ts';
export { createRetention, isOfRequest, RETENTION } from './retention.ts';
export type { Migration } from './schema.ts';
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
export { STARTS_MAX, suspectWaitMs } from './suspects.ts';
export { inTurns } from './turns.ts';
