import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './measure.ts';

/** What the numbers were measured on. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGb: number;
  readonly node: string;
  readonly system: string;
}

export const machine = (): Machine => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  system: `${process.platform} ${process.arch}`,
});

export const load = (): number => loadavg()[0] as number;

/** Waits until the machine is quiet: the load average of one minute below `below`, for `forMs` at most. @returns the load in the end */
export async function quiet(below: number, forMs: number): Promise<number> {
  const until = performance.now() + forMs;
  while (load() >= below && performance.now() < until) await sleep(Math.min(15_000, until - performance.now()));
  return load();
}

/** What one flush of a small write costs, in microseconds: the median of many. */
export function flushCostUs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bench-'));
  const file = openSync(join(folder, 'flushed'), 'w');
  try {
    const took: number[] = [];
    for (let i = 0; i < 200; i++) {
      writeSync(file, Buffer.alloc(4_096), 0, 4_096, 0);
      const began = performance.now();
      fdatasyncSync(file);
      took.push((performance.now() - began) * 1_000);
    }
    return Math.round(median(took));
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}
