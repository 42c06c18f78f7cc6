import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** The engines that a script of this folder installs and starts, each with the variables under which its address is known. */
export const ENGINES = {
  postgres: { setting: 'DATABASE_URL', forTests: 'RAMET_TEST_POSTGRES' },
  redis: { setting: 'REDIS_URL', forTests: 'RAMET_TEST_REDIS' },
  kafka: { setting: 'KAFKA_BROKERS', forTests: 'RAMET_TEST_KAFKA' },
  consul: { setting: 'CONSUL_URL', forTests: 'RAMET_TEST_CONSUL' },
} as const;

export type EngineName = keyof typeof ENGINES;

export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[];

/** Fetches or builds what the engine needs, where it is missing. @throws Error that says what is missing */
export async function installEngine(name: EngineName): Promise<void> {
  await script(name, 'install');
}

/** Starts the engine of a folder when it does not run. @returns its address: a URL, or `host:port` for Kafka. @throws Error with what it said */
export function startEngine(name: EngineName, folder: string): Promise<string> {
  return script(name, 'start', folder);
}

/** Stops it by its id. What it has stored stays. */
export async function stopEngine(name: EngineName, folder: string): Promise<void> {
  await script(name, 'stop', folder);
}

/** Ends it at once and removes its folder. */
export async function wipeEngine(name: EngineName, folder: string): Promise<void> {
  await script(name, 'wipe', folder);
}

/** Stops and starts it on the same port; `immediate` as after a crash. */
export function restartEngine(name: EngineName, folder: string, how?: 'immediate'): Promise<string> {
  return script(name, 'restart', folder, ...(how === undefined ? [] : [how]));
}

/** Its address when it runs. */
export function engineAddress(name: EngineName, folder: string): Promise<string | undefined> {
  return script(name, 'status', folder).catch(() => undefined);
}

/** The scripts write problems and slow steps to stderr, which is shown at once. */
function script(name: EngineName, command: string, ...more: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NODE: process.execPath };
    const child = execFile(join(import.meta.dirname, `${name}.sh`), [command, ...more], { env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${name}: ${stderr.trim() || error.message}`));
      else resolve(stdout.trim());
    });
    if (command === 'install' || command === 'start') child.stderr?.on('data', (text: string) => process.stderr.write(text));
  });
}
