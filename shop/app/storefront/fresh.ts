import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** What the gateway serves. */
export const dist = join(folder, 'dist');
/** Says of which sources `dist` was built. Its dot keeps it from being served. */
export const MARK = '.built-from';

/** One hash of everything that a build depends on, the version of Preact included. */
export function sourcesHash(): string {
  const hash = createHash('sha256');
  const take = (path: string) => hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  const visit = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.isDirectory()) visit(join(path, entry.name));
      else take(join(path, entry.name));
    }
  };
  for (const below of ['app', 'model', 'public']) visit(join(folder, below));
  for (const file of ['index.html', 'tsconfig.json', 'vite.config.ts', 'build.ts', 'fresh.ts']) take(join(folder, file));
  take(createRequire(import.meta.url).resolve('preact/package.json'));
  return hash.digest('hex');
}

/**
 * Builds the storefront unless what is there was built of these sources. Says nothing when all is well.
 * @throws with what the build has said, when it fails
 */
export async function freshStorefront(): Promise<void> {
  const mark = join(dist, MARK);
  if (existsSync(mark) && readFileSync(mark, 'utf8') === sourcesHash()) return;
  const said: string[] = [];
  // Whatever the shop runs as, what browsers get is the same.
  const env = { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' };
  const child = spawn(process.execPath, [join(folder, 'build.ts')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0)
    throw new Error(`the storefront cannot be built; install what it needs with npm ci, or correct it:\n${said.join('').trim()}`);
}

/** For the test runner: built once, before the first test needs it. When it fails, each shop that a test starts says why. */
export const setup = (): Promise<void> => freshStorefront().catch(() => {});
