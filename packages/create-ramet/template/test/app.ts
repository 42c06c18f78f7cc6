import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Starts the app as a separate process, on a free port and with the data of `dataDir`. */
export async function startApp(dataDir: string, thinkingMs: number) {
  const env = { ...process.env, DATA_DIR: dataDir, PORT: '0', ADMIN_PORT: '0', THINKING_MS: String(thinkingMs) };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await readyAt(child);
  return {
    /** Kills the process, as a power cut would. */
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    async post(path: string, body: unknown): Promise<any> {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    },
    async get(path: string): Promise<any> {
      return (await fetch(url + path)).json();
    },
  };
}

async function readyAt(child: ChildProcess): Promise<string> {
  if (child.stdout) {
    for await (const line of createInterface(child.stdout)) if (line.startsWith('ready ')) return line.slice('ready '.length);
  }
  throw new Error('the app ended before it was ready');
}

/** Asks again and again until the answer is the expected one. */
export async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  const giveUpAt = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > giveUpAt) throw new Error(`timed out; the last answer was ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}
