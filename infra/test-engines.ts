import { spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { ENGINE_NAMES, ENGINES, type EngineName, startEngine, wipeEngine } from './engines.ts';

/**
 * `npm run test:engines [-- filter …]`: runs the tests that need real engines (`*.engine.test.ts`) on engines of its own,
 * which are gone afterwards, however the run ends. A filter is part of a path.
 */
const root = join(import.meta.dirname, '..');
const PREFIX = 'ramet-engines-';
const args = process.argv.slice(2);
const filters = args.filter((arg) => !arg.startsWith('-'));

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

/** The tests and the fixtures that they import, which may be what asks for an engine; but for the one that knows them all. */
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

function runTests(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.engines.config.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((done) => child.on('close', (code) => done(code ?? 1)));
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
  const code = interrupted.signal.aborted ? 1 : await runTests({ ...addresses, RAMET_ENGINES: folder }, interrupted.signal);
  process.exitCode = started.some(({ status }) => status === 'rejected') ? 1 : code;
} finally {
  await wipe(folder);
}
