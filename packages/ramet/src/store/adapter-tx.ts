import type { FailedStatement, NoteError } from './failed-statement.ts';
import type { Activity } from './idle-watch.ts';
import type { Tx } from './store.ts';

/** What every adapter implements beside {@link Tx}, for its own use. */
export interface AdapterTx extends Tx {
  readonly actions: readonly (() => void)[];
  failed(): FailedStatement | undefined;
  activity(): Activity;
  /** Ends the handle given to user code: its later statements throw TransactionClosed. Waits for those that it has issued. */
  seal(): Promise<void>;
  /** Ends the handle for good, framework statements included. */
  end(): void;
}

/** The owner of a handle. */
export interface HandlerOf {
  readonly service: string;
  /** As `orders.place`. */
  readonly handler: string;
  readonly note: NoteError;
  /** Waits for a turn of the event loop. */
  readonly turn: () => Promise<void>;
}
