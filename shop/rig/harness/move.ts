import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * `ramet move <service> --to <url>` on the shop's topology, without npm.
 * @param env where the rows are now: DATA_DIR, or the addresses of databases
 * @returns what it says; @throws when it ends with another code than 0
 */
export async function move(service: string, to: string, profile: string, env: Readonly<Record<string, string>>): Promise<string> {
  const command = ['packages/cli/bin/ramet.js', 'move', service, '--to', to, '--topology', 'shop/app/topology.ts', '--profile', profile];
  const { stdout } = await run(process.execPath, ['-C', 'ramet-source', ...command], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    timeout: 120_000,
  });
  return stdout;
}
