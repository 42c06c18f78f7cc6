/** Runs work in order per key and side by side across keys, a bounded number of keys at once. */
export class KeyLanes {
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  /** Resolves when all work is done. When some fails, the rest of its key does not run and the first error is thrown in the end. */
  async run<T>(items: readonly T[], keyOf: (item: T) => string, work: (item: T) => Promise<void>): Promise<void> {
    const lanes = new Map<string, T[]>();
    for (const item of items) {
      const lane = lanes.get(keyOf(item));
      if (lane) lane.push(item);
      else lanes.set(keyOf(item), [item]);
    }
    const queue = [...lanes.values()];
    const errors: unknown[] = [];
    let next = 0;
    const runner = async () => {
      while (next < queue.length) {
        const lane = queue[next++] as T[];
        try {
          for (const item of lane) await work(item);
        } catch (error) {
          errors.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#width, queue.length) }, runner));
    if (errors.length > 0) throw errors[0];
  }
}
