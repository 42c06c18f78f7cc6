import { AsyncLocalStorage } from 'node:async_hooks';
import { hash32, type Platform } from '../platform/index.ts';
import { Keyed } from './keyed.ts';

/** The owner of an event. Events of an owner that has ended never happen; those of a paused owner wait. */
export interface Owner {
  readonly name: string;
  readonly alive: boolean;
  /** Until when it is paused, in milliseconds of simulated time. */
  readonly pausedUntil: number;
  /** Its time and chance, if it is a process. */
  readonly platform?: Platform;
}

/** An event that can still be cancelled. */
export interface Scheduled {
  cancel(): void;
}

interface Event extends Scheduled {
  time: number;
  readonly tie: number;
  readonly seq: number;
  readonly owner: Owner | undefined;
  readonly what: string;
  fire: (() => void) | undefined;
}

/** More events than this at one moment are an endless loop. */
const AT_ONE_MOMENT_MAX = 200_000;
const TRACE_KEPT = 2_000;

/** The owner of the code that runs now: the guards against real time and I/O read it. */
export const running = new AsyncLocalStorage<Owner>();

/** The run is an endless loop: simulated time does not pass any more. */
export class Livelock extends Error {
  override name = 'Livelock';
}

/**
 * Simulated time. Everything that happens outside the microtask queue is an event here, and events happen one after
 * another, in the order of their time and, within one moment, in an order that the seed decides. Between two events all
 * promises settle, so that the run is a function of the seed alone.
 */
export class Scheduler {
  readonly #heap: Event[] = [];
  readonly #keyed: Keyed;
  readonly #drain: () => Promise<void>;
  readonly #trace: string[] = [];
  #seq = 0;
  #hash = 0x811c9dc5;
  #atThisMoment = 0;
  now = 0;
  events = 0;

  /** @param drain resolves when every promise that could settle has settled */
  constructor(seed: string, drain: () => Promise<void>) {
    this.#keyed = new Keyed(`${seed}|ties`);
    this.#drain = drain;
  }

  /** Returns a hash that two runs share only if the same things happened at the same times. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Returns what happened last, oldest first. */
  get trace(): readonly string[] {
    return this.#trace.slice(-TRACE_KEPT);
  }

  /** Plans `fire` for `delayMs` from now. */
  after(delayMs: number, owner: Owner | undefined, what: string, fire: () => void): Scheduled {
    const seq = ++this.#seq;
    const event: Event = {
      time: this.now + Math.max(0, delayMs),
      tie: hash32(`${this.#keyed.of('tie')}${seq}`),
      seq,
      owner,
      what,
      fire,
      cancel() {
        event.fire = undefined;
      },
    };
    this.#push(event);
    return event;
  }

  /** Adds a line to the trace and to the hash. */
  note(what: string): void {
    const line = `${this.now.toFixed(3)} ${what}`;
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    if (this.#trace.length >= 2 * TRACE_KEPT) this.#trace.splice(0, TRACE_KEPT);
    this.#trace.push(line);
  }

  /** Makes the next event happen. @returns false when there is none */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.#pop();
      if (!event) return false;
      const { fire, owner } = event;
      if (!fire || owner?.alive === false) continue;
      if (owner && owner.pausedUntil > event.time) {
        event.time = owner.pausedUntil;
        this.#push(event);
        continue;
      }
      if (event.time > this.now) {
        this.now = event.time;
        this.#atThisMoment = 0;
      } else if (++this.#atThisMoment > AT_ONE_MOMENT_MAX) {
        throw new Livelock(
          `${AT_ONE_MOMENT_MAX} events happened at one moment; the last is '${event.what}' of ${owner?.name ?? 'the world'}`,
        );
      }
      this.events++;
      this.note(`${owner?.name ?? ''} ${event.what}`);
      event.fire = undefined;
      if (owner) running.run(owner, fire);
      else fire();
      await this.#drain();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const before = (a: Event, b: Event): boolean => (a.time !== b.time ? a.time < b.time : a.tie !== b.tie ? a.tie < b.tie : a.seq < b.seq);
