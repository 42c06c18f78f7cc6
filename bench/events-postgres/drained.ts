import { cpuMeter, openLoop, percentiles } from '../core/measure.ts';
import type { Figures } from '../core/row.ts';

/** How a contender publishes and handles. An event is handled when its effect, one row, is committed. */
export interface Queue {
  /** Publishes events while no process handles any. */
  fill(ids: readonly string[]): Promise<void>;
  /** Handles from now on: what was filled in as well. */
  open(): Promise<void>;
  publish(id: string): Promise<unknown>;
  /** Handles no more. */
  shut(): Promise<void>;
}

const AT_ONCE = 250;
const LOW_LOAD = 100;

/** Which events have been handled, and when, as the contender reports. */
export class Handled {
  readonly #waiting = new Map<string, () => void>();
  #began: { readonly mono: number; readonly cpu: () => number } | undefined;
  #left = 0;
  #last: (() => void) | undefined;

  /** The contender has looked for work for the first time. By default that is when the first event is handled. */
  began = (): void => {
    this.#began ??= { mono: performance.now(), cpu: cpuMeter() };
  };

  /** The effect of this event is committed. */
  tell = (id: string): void => {
    this.began();
    if (this.#left > 0 && --this.#left === 0) this.#last?.();
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  };

  /** Resolves when as many have been handled. @returns how long it took from the beginning on, and the processor time */
  async next(many: number): Promise<{ tookMs: number; cpuUs: number }> {
    this.#began = undefined;
    this.#left = many;
    await new Promise<void>((resolve) => {
      this.#last = resolve;
    });
    const { mono, cpu } = this.#began ?? { mono: Number.NaN, cpu: () => Number.NaN };
    return { tookMs: performance.now() - mono, cpuUs: cpu() };
  }

  of(id: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

/** A round: `many` events that wait are handled, then some come at a low and constant rate, each timed from when it was due. */
export async function drained(queue: Queue, handled: Handled, many: number, forMs: number): Promise<Figures> {
  const round = `${process.pid}-${Math.round(performance.now())}`;
  const ids = Array.from({ length: many }, (_, i) => `${round}-${i}`);
  for (let i = 0; i < many; i += AT_ONCE) await queue.fill(ids.slice(i, i + AT_ONCE));
  const all = handled.next(many);
  await queue.open();
  const { tookMs, cpuUs } = await all;
  const timed = await openLoop(
    async (i) => {
      const id = `${round}-low-${i}`;
      const done = handled.of(id);
      await queue.publish(id);
      await done;
    },
    LOW_LOAD,
    forMs * 2,
  );
  await queue.shut();
  return { 'a backlog': (many * 1_000) / tookMs, 'CPU each': cpuUs / many, ...percentiles(timed, 'at low load, ') };
}
