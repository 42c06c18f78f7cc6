import { spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { freshStorefront } from '../shop/app/storefront/fresh.ts';
import { ENGINE_NAMES, ENGINES, type EngineName, startEngine, wipeEngine } from './engines.ts';

/**
 * `npm run test:engines [-- filter …]`: runs the tests that need real engines (`*.engine.test.ts`) on engines of its own,
 * which are gone afterwards, however the run ends. A filter is part of a path. The tests of the framework and those of the shop
 * run side by side, each one after another: both wait most of the time. Ends with one line `N passed, N failed`.
 */
const root = join(import.meta.dirname, '..');
const PREFIX = 'ramet-engines-';
const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('-'));
const filters = args.filter((arg) => !flags.includes(arg));
const GROUPS = ['packages', 'shop'];

const tests = globSync(['packages/*/src/**/*.engine.test.ts', 'shop/**/*.engine.test.ts'], {
  cwd: root,
  exclude: ['**/node_modules/**', '**/dist/**'],
})
  .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
  .map((path) => join(root, path));
const texts = textsOf(tests);
const needed = ENGINE_NAMES.filter((name) =>
  texts.some((text) => text.includes(ENGINES[name].forTests) || text.includes(`sharedEngine('${name}')`)),
);

/** The tests, and the fixtures that they import and that may request an engine, except the one that knows all engines. */
function textsOf(paths: readonly string[]): string[] {
  const seen = new Set(paths);
  const read: string[] = [];
  for (const path of seen) {
    const text = readFileSync(path, 'utf8');
    read.push(text);
    for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+\.(?:fixture|test|conformance)\.ts)'/g)) {
      const imported = resolve(dirname(path), specifier);
      if (existsSync(imported) && !imported.endsWith('/engine.fixture.ts')) seen.add(imported);
    }
  }
  return read;
}

/** Engines of a run that was killed: its folder names a process that is no more. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    const runner = join(folder, 'runner');
    if (existsSync(runner) && !existsSync(`/proc/${readFileSync(runner, 'utf8')}`)) await wipe(folder);
  }
}

/** With the engines that single tests have started, of which those that were killed could not take care. */
async function wipe(folder: string): Promise<void> {
  const places = globSync(
    ENGINE_NAMES.flatMap((name) => [name, `own-*/${name}`]),
    { cwd: folder },
  );
  await Promise.allSettled(places.map((place) => wipeEngine(basename(place) as EngineName, join(folder, place))));
  await rm(folder, { recursive: true, force: true });
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

/** What one group says is shown at once; what others say meanwhile, in one piece when it has ended. */
async function runTests(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Outcome> {
  await freshStorefront();
  const groups = GROUPS.map((group) => tests.filter((path) => path.startsWith(join(root, group)))).filter((paths) => paths.length > 0);
  const outcomes = await Promise.all(groups.map((paths, at) => runGroup(paths, at === 0, env, signal)));
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
  };
}

async function runGroup(paths: readonly string[], live: boolean, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Outcome> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.engines.config.ts', ...flags, ...paths], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said.push(bytes);
      if (live) process.stdout.write(bytes);
    });
  const code = await new Promise<number>((done) => child.on('close', (ended) => done(ended ?? 1)));
  const text = Buffer.concat(said).toString();
  if (!live) process.stdout.write(text);
  const sums = [...text.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  const [passed, failed] = [Number(sums?.[1] ?? 0), Number(sums?.[2] ?? 0)];
  // One that ended badly for a reason that is in no sum has failed too.
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());

await sweep();
const folder = await mkdtemp(join(tmpdir(), PREFIX));
try {
  await writeFile(join(folder, 'runner'), String(process.pid));
  // PostgreSQL runs as another user where we are root; it has to come to its folder.
  await chmod(folder, 0o755);
  const started = await Promise.allSettled(
    needed.map(async (name: EngineName) => [ENGINES[name].forTests, await startEngine(name, join(folder, name))] as const),
  );
  for (const result of started) if (result.status === 'rejected') console.error((result.reason as Error).message);
  const addresses = Object.fromEntries(started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
  console.log(`engines: ${Object.keys(addresses).join(', ') || 'none'}`);
  // Without an engine the tests that need it fail, and the others still say what they have to.
  if (!interrupted.signal.aborted) {
    const { passed, failed } = await runTests({ ...addresses, RAMET_ENGINES: folder }, interrupted.signal);
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = failed > 0 ? 1 : 0;
  }
  if (interrupted.signal.aborted || started.some(({ status }) => status === 'rejected')) process.exitCode = 1;
} finally {
  await wipe(folder);
}
