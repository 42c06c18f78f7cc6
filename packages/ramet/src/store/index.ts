export { type DueHandler, DueWorker, schedule } from './due.ts';
export { type Migrations, migrate, readMigrations } from './migrate.ts';
export { type MovedTable, type MoveOptions, moveStore, refuseMoved } from './move.ts';
export { createRetention, inboxLowWater } from './retention.ts';
export type { Migration } from './schema.ts';
export type {
  Abreast,
  Hints,
  Param,
  Reader,
  Store,
  StoreCapabilities,
  StoreEnvironment,
  StoreFactory,
  Table,
  Tx,
  WriteOptions,
} from './store.ts';
export { NoRowChanged } from './store.ts';
export { inTurns } from './turns.ts';
