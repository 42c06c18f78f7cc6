import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { cpuMeter } from '../core/measure.ts';
import type { Figures, Running } from '../core/row.ts';
import type { LoadAsk, LoadOptions } from './load.ts';

const STEADY = 0.6;
const CONNECTIONS = 50;

/**
 * Loads a server from another process: first as fast as 50 connections can, then at 60 % of that with a constant rate.
 * @param ownServer whether the server is this process, whose processor time counts then
 */
export async function loaded(
  options: Omit<LoadOptions, 'connections'>,
  forMs: number,
  close: () => Promise<unknown>,
  ownServer = true,
): Promise<Running> {
  const child = fork(join(import.meta.dirname, 'load.ts'), [JSON.stringify({ ...options, connections: CONNECTIONS })], {
    // What slows our flushes down is not for it.
    env: { ...process.env, LD_PRELOAD: '' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  const ask = async (what: LoadAsk): Promise<Figures> => {
    const over = new AbortController();
    child.send(what);
    const [told] = (await Promise.race([
      once(child, 'message', { signal: over.signal }),
      once(child, 'exit', { signal: over.signal }).then(([code]) => [{ error: `the load generator ended with ${code}` }]),
    ]).finally(() => over.abort())) as [{ figures?: Figures; error?: string }];
    if (!told.figures) throw new Error(told.error);
    return told.figures;
  };
  return {
    async round() {
      const cpu = cpuMeter();
      const { perSecond = 0, answers = 1, refused = 0 } = await ask({ closedForMs: forMs * 2 });
      const cpuEach = cpu() / answers;
      const steady = await ask({ openPerSecond: perSecond * STEADY, forMs: forMs * 2 });
      return {
        accepted: perSecond,
        refused,
        ...(ownServer ? { 'CPU each': cpuEach } : {}),
        'p50 at 60 %': steady['p50'] as number,
        'p99 at 60 %': steady['p99'] as number,
        'p99.9 at 60 %': steady['p99.9'] as number,
      };
    },
    async close() {
      child.kill();
      await close();
    },
  };
}
