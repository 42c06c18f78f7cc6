import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process beside the shop that is not the shop's: it dies with us, however we die. */
export interface Companions {
  stop(): Promise<void>;
}

const STOP_MS = 6_000;

/** Starts the payment provider and the mail catcher, and resolves when both serve. @throws when one of them ends instead */
export async function startCompanions(onLost: (name: string, code: number | null) => void): Promise<Companions> {
  let stopping = false;
  const children = [fork1('./provider/main.ts'), fork1('./mail/main.ts')];
  await Promise.all(children.map(ready));
  for (const { name, child } of children) child.once('exit', (code) => !stopping && onLost(name, code));
  return {
    async stop() {
      stopping = true;
      await Promise.all(children.map(({ child }) => stop(child)));
    },
  };
}

interface Child {
  readonly name: string;
  readonly child: ChildProcess;
}

function fork1(module: string): Child {
  // They are others' systems: the address of our databases is not for them.
  const env = { ...process.env, DATABASE_URL: '' };
  return {
    name: module,
    child: fork(fileURLToPath(new URL(module, import.meta.url)), { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  };
}

function ready({ name, child }: Child): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${code} before it was ready`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
