import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export type Engine = 'postgres' | 'redis' | 'kafka' | 'consul';

/** An engine that belongs to one test, which may stop and damage it. */
export interface OwnEngine {
  /** A URL; `host:port` for Kafka. It stays the same over restarts. */
  readonly url: string;
  /** Its folder: the log is in `log`, the data in `data`. */
  readonly folder: string;
  /** Resolves when it answers again. `immediate` as after a crash. */
  restart(how?: 'immediate'): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again after {@link stop}, with its data. */
  start(): Promise<void>;
  /** Pauses the process until {@link resume}: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it and removes its data. Call it whether the test passes or fails. */
  wipe(): Promise<void>;
}

/**
 * Returns the address of the engine that `npm run test:engines` has started for all tests: leave nothing in it. Name it by a literal:
 * the run reads the literals to know which engines to start.
 * @returns a URL; `host:port` for Kafka
 * @throws Error when there is none
 */
export function sharedEngine(engine: Engine): string {
  const address = process.env[`RAMET_TEST_${engine.toUpperCase()}`];
  if (address === undefined) throw new Error(`this test needs ${engine}: run it by npm run test:engines -- <part of its path>`);
  return address;
}

/** Starts an engine for one test, by its script in `infra/`. */
export async function ownEngine(engine: Engine): Promise<OwnEngine> {
  // Within the folder of the run, which is wiped even when this process is killed.
  const parent = await mkdtemp(join(process.env.RAMET_ENGINES ?? tmpdir(), `own-${engine}-`));
  // Where this process runs as root, PostgreSQL runs as another user, which must be able to enter its folder.
  await chmod(parent, 0o755);
  const folder = join(parent, engine);
  const script = async (command: string, ...more: string[]): Promise<string> => {
    const path = fileURLToPath(new URL(`../../../../infra/${engine}.sh`, import.meta.url));
    return (await execute(path, [command, folder, ...more], { env: { ...process.env, NODE: process.execPath } })).stdout.trim();
  };
  const signal = async (name: 'SIGSTOP' | 'SIGCONT') => {
    process.kill(Number((await readFile(join(folder, 'pid'), 'utf8')).split(' ')[0]), name);
  };
  const wipe = async () => {
    await script('wipe');
    await rm(parent, { recursive: true, force: true });
  };
  try {
    return {
      url: await script('start'),
      folder,
      restart: async (how) => {
        await script('restart', ...(how === undefined ? [] : [how]));
      },
      stop: async () => {
        await script('stop');
      },
      start: async () => {
        await script('start');
      },
      pause: () => signal('SIGSTOP'),
      resume: () => signal('SIGCONT'),
      wipe,
    };
  } catch (error) {
    await wipe();
    throw error;
  }
}
