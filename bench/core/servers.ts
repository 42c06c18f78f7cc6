import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Flush } from '../flush/flush.ts';
import type { ServerName } from './row.ts';

const infra = join(import.meta.dirname, '../../infra');
const execute = promisify(execFile);
const SCRIPT_MS = 120_000;

const SCRIPTS: Readonly<Record<ServerName, { script: string; more: string[] }>> = {
  postgres: { script: 'postgres.sh', more: [] },
  redis: { script: 'redis.sh', more: ['everysec'] },
  'redis-always': { script: 'redis.sh', more: ['always'] },
  kafka: { script: 'kafka.sh', more: [] },
};

/** A server of a peer, started for this run only. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a server in a folder of its own, with flushes as slow as `flush` says. @throws with what it said when it cannot be had here */
export async function startServer(name: ServerName, flush: Flush): Promise<Server> {
  const { script, more } = SCRIPTS[name];
  const path = join(infra, script);
  await execute(path, ['install'], { timeout: SCRIPT_MS });
  const folder = join(await mkdtemp(join(tmpdir(), 'ramet-bench-server-')), name);
  // PostgreSQL runs as another user, who must be able to come to its folder.
  await execute('chmod', ['755', join(folder, '..')]);
  const { stdout } = await execute(path, ['start', folder, ...more], {
    env: { ...process.env, NODE: process.execPath, ...flush.env },
    timeout: SCRIPT_MS,
  });
  return {
    url: stdout.trim(),
    async stop() {
      await execute(path, ['stop', folder]);
      await execute('rm', ['-rf', join(folder, '..')]);
    },
  };
}
