import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Flush } from '../flush/flush.ts';
import type { Answer, Ask } from './process.ts';
import type { Contender, Figures, StartOptions } from './row.ts';

const START_MS = 60_000;
const ROUND_MS = 180_000;
const CLOSE_MS = 15_000;

/** A contender in its own process, as its parent sees it. */
export interface Hosted {
  readonly contender: Contender;
  readonly flush: Flush;
  round(): Promise<Figures>;
  close(): Promise<void>;
}

/** Starts a contender. @throws with what it said when it cannot */
export async function host(contender: Contender, flush: Flush, server: string | undefined, forMs: number): Promise<Hosted> {
  const folder = await mkdtemp(join(tmpdir(), 'ramet-bench-'));
  const options: StartOptions = { folder, variant: contender.variant, server, forMs, flushEnv: flush.env };
  const counts = join(folder, 'flush-counts');
  await writeFile(counts, Buffer.alloc(32));
  // A server of a peer is slowed down itself; its client has nothing to flush.
  const env = { ...process.env, NODE_ENV: 'production', FLUSH_COUNTS: counts, ...(contender.needs ? {} : flush.env) };
  const child = fork(join(import.meta.dirname, 'process.ts'), [contender.module.href, JSON.stringify(options)], {
    execArgv: ['-C', 'ramet-source', '--disable-warning=ExperimentalWarning'],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const close = async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await answer(child, START_MS);
  } catch (error) {
    child.kill('SIGKILL');
    await close();
    throw error;
  }
  return {
    contender,
    flush,
    async round() {
      child.send({ round: true } satisfies Ask);
      const given = await answer(child, ROUND_MS);
      return 'figures' in given ? given.figures : {};
    },
    async close() {
      if (child.connected) child.send({ close: true } satisfies Ask);
      await close();
    },
  };
}

async function answer(child: ChildProcess, withinMs: number): Promise<Exclude<Answer, { error: string }>> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const given = await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as Answer),
      once(child, 'exit', { signal }).then(([code, killed]) => ({ error: `it ended with ${code ?? killed}` })),
      sleep(withinMs, { error: `no answer in ${withinMs / 1_000} s` }, { signal }),
    ]);
    if ('error' in given) throw new Error(given.error);
    return given;
  } finally {
    over.abort();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const kill = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
  await once(child, 'exit');
  clearTimeout(kill);
}
