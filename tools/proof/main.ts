import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../run.ts';
import { commandOf, pageOf, type Result, type Results, withFigures } from './page.ts';
import { type Ran, RUNS, type Run } from './runs.ts';

/*
 * `npm run proof`: makes every long run, one after another, and writes the figures with date and commit into docs/proof.md and
 * README.md after each of them. A run that fails is written as failed. Ends with 1 when one of them failed.
 */
const HELP = `Makes the long runs and writes docs/proof.md. Takes hours.

  --only <names>  only these, separated by commas: ${Object.keys(RUNS).join(', ')}
  --render        makes no run, and writes the pages from tools/proof/results.json again
`;
const root = join(import.meta.dirname, '../..');
const RESULTS = join(import.meta.dirname, 'results.json');

const { values } = parseArgs({ options: { only: { type: 'string' }, render: { type: 'boolean' }, help: { type: 'boolean' } } });
const names = values.only?.split(',') ?? Object.keys(RUNS);
const unknown = names.filter((name) => !RUNS[name]);
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`there is no run '${unknown.join("', '")}'\n`);
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}

let results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
if (values.render) write();
else await prove();

async function prove(): Promise<void> {
  const commit = await commitOf();
  const machine = `${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GB, ${platform()} ${arch()}`;
  let failed = 0;
  for (const name of names) {
    const one = RUNS[name] as Run;
    process.stdout.write(`== ${name}: ${commandOf(one)}\n`);
    const startedMono = performance.now();
    const outcome = one.read(await ranOf(one));
    const minutes = Math.ceil((performance.now() - startedMono) / 60_000);
    const result: Result = { ...outcome, date: new Date().toISOString().slice(0, 10), commit, machine, minutes };
    results = { ...results, [name]: result };
    write();
    if (!result.ok) failed++;
    process.stdout.write(`== ${name}: ${result.ok ? 'held' : 'FAILED'}: ${result.figures}\n`);
  }
  process.stdout.write(`${names.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** The commit that is proved. Figures of changed files would belong to no commit, so they are refused. */
async function commitOf(): Promise<string> {
  const git = async (...args: string[]) => (await run('git', args, { root })).stdout.trim();
  const changed = await git('status', '--porcelain', '--', '.', ':!docs/proof.md', ':!README.md', ':!tools/proof/results.json');
  if (changed !== '') {
    process.stderr.write(`commit first: a proof belongs to a commit, and these files differ from it:\n${changed}\n`);
    process.exit(2);
  }
  return git('rev-parse', '--short', 'HEAD');
}

async function ranOf({ script, limitMinutes }: Run): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-proof-'));
  const json = join(folder, 'report.json');
  try {
    const args = script.map((word) => (word === '{json}' ? json : word));
    // A group of its own, so that the time limit ends everything that the script has started.
    const child = spawn('npm', ['run', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const limit = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), limitMinutes * 60_000);
    const stop = () => process.kill(-(child.pid as number), 'SIGTERM');
    process.once('SIGINT', stop);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        process.stdout.write(text);
      });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(limit);
    process.off('SIGINT', stop);
    return { code, output, report: read(json) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function write(): void {
  const ordered = Object.fromEntries(Object.keys(RUNS).flatMap((name) => (results[name] ? [[name, results[name]]] : [])));
  writeFileSync(RESULTS, `${JSON.stringify(ordered, undefined, 2)}\n`);
  writeFileSync(join(root, 'docs/proof.md'), pageOf(RUNS, results));
  const readme = join(root, 'README.md');
  writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
}
