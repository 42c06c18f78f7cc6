import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from './row.ts';

/**
 * Calls of `work`, one after another, for about `forMs`: nanoseconds per call by the clock, and of processor time, which other
 * work on the machine changes less.
 */
export async function perCall(work: () => Promise<unknown>, forMs: number): Promise<Figures> {
  const cpu = cpuMeter();
  const began = process.hrtime.bigint();
  const until = began + BigInt(Math.round(forMs * 1e6));
  let calls = 0;
  let now = began;
  while (now < until) {
    for (let i = 0; i < 500; i++) await work();
    calls += 500;
    now = process.hrtime.bigint();
  }
  return { 'a call': Number(now - began) / calls, 'CPU a call': (cpu() * 1_000) / calls };
}

/** Processor time of this process, all threads, in microseconds since the meter was made. */
export function cpuMeter(): () => number {
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return user + system;
  };
}

/** `count` at a time, each beginning the next one when it ends. @returns how many a second, and what each took in milliseconds */
export async function closedLoop(
  work: (i: number) => Promise<unknown>,
  count: number,
  forMs: number,
): Promise<{ perSecond: number; tookMs: number[] }> {
  const tookMs: number[] = [];
  const began = performance.now();
  const until = began + forMs;
  let next = 0;
  const one = async () => {
    while (performance.now() < until) {
      const startedMono = performance.now();
      await work(next++);
      tookMs.push(performance.now() - startedMono);
    }
  };
  await Promise.all(Array.from({ length: count }, one));
  return { perSecond: (tookMs.length * 1_000) / (performance.now() - began), tookMs };
}

/**
 * Work arrives at a constant rate, whether or not what came before is done, and each is timed from when it should have
 * begun: a stall cannot hide from the measurement. @returns what each took in milliseconds
 */
export async function openLoop(work: (i: number) => Promise<unknown>, perSecond: number, forMs: number): Promise<number[]> {
  const tookMs: number[] = [];
  const began = performance.now();
  const total = Math.floor((forMs * perSecond) / 1_000);
  const running: Promise<void>[] = [];
  for (let i = 0; i < total; ) {
    const dueMono = began + (i * 1_000) / perSecond;
    const waitMs = dueMono - performance.now();
    if (waitMs > 1.2) await sleep(waitMs - 1);
    else if (waitMs > 0) await new Promise((resolve) => setImmediate(resolve));
    else {
      running.push(work(i).then(() => void tookMs.push(performance.now() - dueMono)));
      i++;
    }
  }
  await Promise.all(running);
  return tookMs;
}

/** @param at between 0 and 1 */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

export const percentiles = (tookMs: readonly number[], prefix = ''): Figures => ({
  [`${prefix}p50`]: quantile(tookMs, 0.5),
  [`${prefix}p99`]: quantile(tookMs, 0.99),
});
