import { type Platform, realPlatform } from '../platform/index.ts';
import { Admission } from './admission.ts';

/**
 * A model of an event loop: timers, then what arrived, then what was put off to the end of the turn. Time passes only where work is
 * done, or where there is none.
 */
export class Loop {
  nowMs = 1_000;
  readonly platform: Platform;
  #timers: { readonly at: number; readonly fire: () => void }[] = [];
  #checks: (() => void)[] = [];

  constructor() {
    this.platform = {
      ...realPlatform(),
      clock: { wallNow: () => this.nowMs, monoNow: () => this.nowMs },
      timers: {
        set: (delayMs, fire) => {
          const timer = { at: this.nowMs + delayMs, fire };
          this.#timers.push(timer);
          return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
        },
        sleep: () => Promise.reject(new Error('not modelled')),
        yield: () => this.yield(),
      },
    };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => this.#checks.push(resolve));
  }

  /** @param poll gives what has arrived by then; returns when the next arrives */
  async turn(poll: () => Promise<number>): Promise<void> {
    const due = this.#timers.filter(({ at }) => at <= this.nowMs);
    this.#timers = this.#timers.filter(({ at }) => at > this.nowMs);
    for (const { fire } of due) await drained(fire);
    const nextMs = await poll();
    const checks = this.#checks.splice(0);
    for (const check of checks) await drained(check);
    if (checks.length > 0 || due.length > 0) return;
    const wakeMs = Math.min(nextMs, ...this.#timers.map(({ at }) => at));
    if (wakeMs > this.nowMs && Number.isFinite(wakeMs)) this.nowMs = wakeMs;
  }
}

async function drained(work: () => void): Promise<void> {
  work();
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

export interface Scenario {
  /** What one request costs the loop, in so many turns. */
  readonly costMs: number;
  readonly turns: number;
  readonly refusalMs: number;
  /** Times what the loop can do. */
  readonly load: number;
  readonly connections: number;
  readonly seconds: number;
  readonly admission: boolean;
  /** After which an answer is of no use, from the moment at which the client wanted to ask. */
  readonly deadlineMs: number;
  /** One request in so many writes; without it all read. */
  readonly writesEvery?: number;
}

export interface Outcome {
  /** Answers in time, as a share of what the loop can do. */
  readonly goodput: number;
  readonly refused: number;
  /** How long those took that were not refused. */
  readonly lateMs: number[];
  readonly writes: { readonly asked: number; readonly answered: number };
}

/** Clients ask at a fixed rate over connections that are kept, and wait for a free one where all are in use. */
export async function run(scenario: Scenario): Promise<Outcome> {
  const loop = new Loop();
  const admission = scenario.admission ? new Admission(loop.platform) : undefined;
  const startMs = loop.nowMs;
  const endMs = startMs + scenario.seconds * 1_000;
  const everyMs = scenario.costMs / scenario.load;
  let asked = 0;
  let free = scenario.connections;
  let [good, refused] = [0, 0];
  const lateMs: number[] = [];
  const writes = { asked: 0, answered: 0 };
  const serve = async (wantedMs: number, isWrite: boolean) => {
    if (isWrite) writes.asked++;
    const place = admission ? await admission.enter(isWrite ? 'write' : 'read', () => false) : { leave: () => {} };
    if (place) {
      for (let turn = 0; turn < scenario.turns; turn++) {
        if (turn > 0) await loop.yield();
        loop.nowMs += scenario.costMs / scenario.turns;
      }
      place.leave();
      if (isWrite) writes.answered++;
      const tookMs = loop.nowMs - wantedMs;
      lateMs.push(tookMs);
      if (tookMs <= scenario.deadlineMs) good++;
    } else {
      loop.nowMs += scenario.refusalMs;
      refused++;
    }
    free++;
  };
  while (loop.nowMs < endMs)
    await loop.turn(async () => {
      // What arrives while these are handled is seen in the next turn.
      const first = asked;
      for (; free > 0 && startMs + asked * everyMs <= loop.nowMs; asked++) free--;
      for (let i = first, { writesEvery = 0 } = scenario; i < asked; i++)
        await drained(() => void serve(startMs + i * everyMs, writesEvery > 0 && i % writesEvery === 0));
      return startMs + asked * everyMs;
    });
  return { goodput: good / ((scenario.seconds * 1_000) / scenario.costMs), refused, lateMs, writes };
}
