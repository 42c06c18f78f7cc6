/** The steps of the microtask queue between an answer and the code that awaits it, through all layers of Kysely, with some to spare. */
const STEPS = 16;

/** The statements of a handler that have no answer yet. */
export class InFlight {
  readonly #turn: () => Promise<void>;
  #count = 0;
  #begun = 0;
  #drained: (() => void) | undefined;
  #settling: Promise<void> | undefined;

  /** @param turn waits for a turn of the event loop */
  constructor(turn: () => Promise<void>) {
    this.#turn = turn;
  }

  /** Counts a statement that begins (1) or ends (-1). */
  change(delta: 1 | -1): void {
    this.#count += delta;
    if (delta > 0) this.#begun++;
    if (this.#count === 0) this.#drained?.();
  }

  /** Resolves when no statement is open; undefined when none is. */
  settled(): Promise<void> | undefined {
    if (this.#count === 0) return undefined;
    this.#settling ??= this.#untilSettled().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  /**
   * Resolves when no statement is open and none follows at once: code that the handler does not await continues some steps of the
   * microtask queue after the answer that it waits for.
   */
  async ended(): Promise<void> {
    if (this.#begun === 0) return;
    for (let steps = 0; steps < STEPS; steps++) {
      if (this.#count > 0) {
        await this.settled();
        steps = 0;
      }
      await undefined;
    }
  }

  async #untilSettled(): Promise<void> {
    while (this.#count > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      // Code that the handler does not await may issue more.
      await this.#turn();
    }
  }
}
