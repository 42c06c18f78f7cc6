import type { PoisonPolicy } from '../../bus/index.ts';
import type { Data, EventRef } from '../../contract/index.ts';
import type { WriteContext } from '../contexts.ts';

/** Says how the events of a reaction are handled. All reactions of one subscription must agree. */
export interface ReactionOptions {
  /**
   * Names the group of reactions that this one belongs to, within the service. A group has its own checkpoint, inbox, retries
   * and dead letters, as `<service>.<subscription>`. Default: the group of the service itself.
   */
  readonly subscription?: string;
  /** What happens to the subscription when an event cannot be handled (default `park-key`). */
  readonly poison?: PoisonPolicy;
  /** How often the handler is started for one event before it becomes a dead letter (default 8). */
  readonly attempts?: number;
}

/** A handler of one event of one service. */
export interface Reaction<C, T> extends ReactionOptions {
  readonly event: EventRef<any>;
  readonly run: (data: any, ctx: WriteContext<C, T>) => Promise<void> | void;
}

/** Declares a reaction: `on(Stock.events.Sold, async ({ sku }, { db }) => …)`. */
export type On<C, T> = <E extends EventRef<any>>(
  event: E,
  run: (data: Data<E>, ctx: WriteContext<C, T> & { readonly event: EventInfo }) => Promise<void> | void,
  options?: ReactionOptions,
) => Reaction<C, T>;

/** What a reaction may know about the event besides its data. */
export interface EventInfo {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly timestamp: string;
  readonly correlationId: string;
}
