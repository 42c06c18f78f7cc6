import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closedLoop, cpuMeter, percentiles } from '../core/measure.ts';
import type { Running } from '../core/row.ts';

const TOGETHER = 50;

/** What is asked and what is answered: the same for everybody. */
export const ASKED = { sku: 'brass-lamp', quantity: 2 };
export const answerTo = ({ sku, quantity }: typeof ASKED) => ({ sku, price: 100 * quantity, available: true });

/** The process that answers. */
export interface Answering {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts the process that answers. @param module sends its port to its parent */
export async function answering(module: URL, variant = ''): Promise<Answering> {
  const child = fork(module, [variant], {
    execArgv: ['-C', 'ramet-source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ port }] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the answering process ended with ${code}`);
    }),
  ])) as [{ port: number }];
  return {
    port,
    async stop() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Reports the port of this process to its parent, and ends with the parent. */
export function answersAt(port: number): void {
  process.send?.({ port });
  process.on('disconnect', () => process.exit(0));
}

/** Fifty calls at once, and then one after another. */
export function calling(call: (i: number) => Promise<unknown>, forMs: number, close: () => Promise<unknown>): Running {
  return {
    async round() {
      const cpu = cpuMeter();
      const { perSecond, tookMs } = await closedLoop(call, TOGETHER, forMs);
      const cpuEach = cpu() / tookMs.length;
      const alone = await closedLoop(call, 1, forMs / 2);
      const { p50 = Number.NaN, p99 = Number.NaN } = percentiles(alone.tookMs);
      return { calls: perSecond, 'CPU a call': cpuEach, 'p50 alone': p50, 'p99 alone': p99 };
    },
    async close() {
      await close();
    },
  };
}
