export { type DueHandler, DueWorker, schedule } from './due.ts';
export { type Migrations, migrate, readMigrations } from './migrate.ts';
export { createRetention, inboxLowWater } from './retention.ts';
export type { Migration } from './schema.ts';
export type { Param, Reader, Store, StoreCapabilities, StoreEnvironment, StoreFactory, Tx, WriteOptions } from './store.ts';
