import { MINUTE, Periodic } from '../../platform/index.ts';
import type { BusEnvironment } from '../factory.ts';
import type { Outbox, OutboxRetention } from './outbox.ts';

const EVERY_MS = 10 * MINUTE;

/** What of an outbox may be deleted. */
export interface PrunerOptions {
  /** How long an event is kept at least. */
  readonly keepMs: number;
  /** The position up to which no group needs partition `p` any more. */
  readonly through: (p: number) => Promise<number>;
}

/** Deletes from an outbox, now and then, events that are old and that no group needs any more. */
export class Pruner {
  readonly #loop: Periodic;

  constructor({ platform, onError }: BusEnvironment, outbox: Outbox, retention: OutboxRetention, { keepMs, through }: PrunerOptions) {
    let first = true;
    this.#loop = new Periodic(
      platform,
      async () => {
        // Groups that start now have not attached yet.
        if (first) {
          first = false;
          return EVERY_MS;
        }
        let more = false;
        for (let p = 0; p < outbox.partitions; p++) more = (await retention.prune(p, await through(p), keepMs)) || more;
        return more ? 0 : EVERY_MS;
      },
      (error) => onError(error, { outbox: outbox.service, doing: 'retention' }),
    );
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
