import { RametError } from '../../../errors/index.ts';
import { pipelineOf, type Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import type { EventHandler } from '../options.ts';

/** Handlers whose statements were sent together have to be run one by one. */
export class Interleaved extends Error {}

/** The handlers of a group, by type of event. */
export class EventHandlers {
  readonly #handlers: ReadonlyMap<string, EventHandler>;
  /** Types of events whose handlers execute more than one statement. */
  readonly #multiStatement = new Set<string>();

  constructor(handlers: ReadonlyMap<string, EventHandler>) {
    this.#handlers = handlers;
  }

  /** Runs the handler of an event. @throws RametError UnknownEvent when the bus says that the event cannot be handled */
  async run({ envelope, refused }: Delivery, tx: Tx): Promise<void> {
    if (refused !== undefined) throw new RametError('UnknownEvent', refused);
    await (this.#handlers.get(envelope.type) as EventHandler)(envelope, tx);
  }

  /**
   * Runs handlers in one transaction, in their order. Where the store can pipeline, the statements of handlers for different keys
   * that execute one each are sent together: one after another each would wait for its answer.
   * @param onRun called with the delivery that is being run, or has failed
   * @throws Interleaved when a handler executes more than one statement: after that, handlers of its type run alone
   */
  async runAll(tx: Tx, deliveries: readonly Delivery[], onRun: (delivery: Delivery) => void): Promise<void> {
    const pipeline = pipelineOf(tx);
    for (let i = 0; i < deliveries.length; ) {
      const wave = pipeline ? this.#waveOf(deliveries, i) : [];
      if (pipeline && wave.length > 1) {
        const outcome = await pipeline(wave.map((delivery) => (piece) => this.run(delivery, piece)));
        if (outcome && 'interleaved' in outcome) {
          this.#multiStatement.add((wave[outcome.interleaved] as Delivery).envelope.type);
          throw new Interleaved();
        }
        if (outcome) {
          onRun(wave[outcome.failed] as Delivery);
          throw outcome.error;
        }
        i += wave.length;
      } else {
        const delivery = deliveries[i++] as Delivery;
        onRun(delivery);
        await this.run(delivery, tx);
        // A statement that it did not await fails it, and not the next handler.
        const settled = tx.settled();
        if (settled) await settled;
        // It may return normally after a statement of it has failed: without this the next handler would get the error.
        const failed = tx.failed();
        if (failed) throw failed.error;
      }
    }
  }

  /** The events from `from` on whose handlers may be pipelined: of different keys, and none of a type with several statements. */
  #waveOf(deliveries: readonly Delivery[], from: number): readonly Delivery[] {
    const keys = new Set<string>();
    let to = from;
    for (; to < deliveries.length; to++) {
      const { type, key } = (deliveries[to] as Delivery).envelope;
      if (this.#multiStatement.has(type) || keys.has(key)) break;
      keys.add(key);
    }
    return deliveries.slice(from, to);
  }
}
