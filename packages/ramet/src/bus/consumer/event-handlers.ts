import { RametError } from '../../errors/index.ts';
import type { Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { EventHandler } from './options.ts';

/** Handlers that were run abreast have to be run one by one. */
export class Interleaved extends Error {}

/** The handlers of a group, by type of event. */
export class Handlers {
  readonly #handlers: ReadonlyMap<string, EventHandler>;
  /** Types of events whose handlers say more than one statement. */
  readonly #talkative = new Set<string>();

  constructor(handlers: ReadonlyMap<string, EventHandler>) {
    this.#handlers = handlers;
  }

  /** Hands an event to its handler. @throws RametError UnknownEvent when the bus says that it cannot be one */
  async run({ envelope, refused }: Delivery, tx: Tx): Promise<void> {
    if (refused !== undefined) throw new RametError('UnknownEvent', refused);
    await (this.#handlers.get(envelope.type) as EventHandler)(envelope, tx);
  }

  /**
   * Runs handlers in one transaction, in their order. Those of different keys that say one statement each say them together, where the
   * store lets statements travel: one after another each would wait for its answer.
   * @param doing told of the one that is being run, or has failed
   * @throws Interleaved when one of them has more to say: from now on events of its type are run by themselves
   */
  async runAll(tx: Tx, deliveries: readonly Delivery[], doing: (delivery: Delivery) => void): Promise<void> {
    for (let i = 0; i < deliveries.length; ) {
      const wave = tx.abreast ? this.#waveOf(deliveries, i) : [];
      if (tx.abreast && wave.length > 1) {
        const outcome = await tx.abreast(wave.map((delivery) => (piece) => this.run(delivery, piece)));
        if (outcome && 'interleaved' in outcome) {
          this.#talkative.add((wave[outcome.interleaved] as Delivery).envelope.type);
          throw new Interleaved();
        }
        if (outcome) {
          doing(wave[outcome.failed] as Delivery);
          throw outcome.error;
        }
        i += wave.length;
      } else {
        const delivery = deliveries[i++] as Delivery;
        doing(delivery);
        await this.run(delivery, tx);
        // A statement that it did not await fails it, and not the next one.
        const settled = tx.settled();
        if (settled) await settled;
        // A handler that goes on after a statement failed: the next one would be told, and has done nothing wrong.
        const failed = tx.failed();
        if (failed) throw failed.error;
      }
    }
  }

  /** The events from `from` on whose handlers may be run abreast: of different keys, and none of a type that has more to say. */
  #waveOf(deliveries: readonly Delivery[], from: number): readonly Delivery[] {
    const keys = new Set<string>();
    let to = from;
    for (; to < deliveries.length; to++) {
      const { type, key } = (deliveries[to] as Delivery).envelope;
      if (this.#talkative.has(type) || keys.has(key)) break;
      keys.add(key);
    }
    return deliveries.slice(from, to);
  }
}
