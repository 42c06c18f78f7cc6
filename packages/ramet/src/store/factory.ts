import type { Warn } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { StoreCapabilities } from './capabilities.ts';
import type { Store } from './store.ts';

/** What a topology names: makes the store of each service. */
export interface StoreFactory {
  readonly capabilities: StoreCapabilities;
  /** Names where its stores are, if only one factory at a time can use that place: a move into the same place is then refused. */
  readonly place?: string;
  /** Prepares what all stores need (folders, locks) and reports what is wrong, before any store opens. */
  prepare(environment: StoreEnvironment): Promise<void>;
  open(service: string, environment: StoreEnvironment): Promise<Store>;
  /** Releases what {@link prepare} took. */
  release(): Promise<void>;
}

/** What the process gives to its stores. */
export interface StoreEnvironment {
  readonly platform: Platform;
  readonly onWarning: Warn;
  /** The store can no longer promise durability; the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Called after each COMMIT: how long it took, in milliseconds, and how many transactions shared it. */
  readonly onCommit?: (service: string, ms: number, transactions: number) => void;
}
