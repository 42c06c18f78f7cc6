import { setTimeout as sleep } from 'node:timers/promises';
import { flushes, flushesEach } from '../core/flushes.ts';
import { percentiles } from '../core/measure.ts';
import type { Figures } from '../core/row.ts';

const PAUSE_MS = 8;

/** Publishes one event after another with a pause between. @param publish calls `onHandled` when the effect is there */
export async function timedOneByOne(publish: (onHandled: () => void) => Promise<unknown>, forMs: number): Promise<Figures> {
  const tookMs: number[] = [];
  const before = flushes();
  const until = performance.now() + forMs * 2;
  while (performance.now() < until) {
    const began = performance.now();
    const handled = new Promise<void>((resolve, reject) => {
      void publish(resolve).catch(reject);
    });
    await handled;
    tookMs.push(performance.now() - began);
    await sleep(PAUSE_MS);
  }
  return { ...percentiles(tookMs), ...flushesEach(before, tookMs.length) };
}
