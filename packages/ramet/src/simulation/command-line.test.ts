import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { CampaignReport } from './index.ts';

const main = fileURLToPath(new URL('./fixtures/main.fixture.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'simulations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const begin = (args: readonly string[], env: Record<string, string> = {}): ChildProcess =>
  spawn(process.execPath, ['-C', 'ramet-source', '--disable-warning=ExperimentalWarning', main, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

async function run(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = begin(args, { PIDS_FILE: join(folder, 'pids') });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

test('--help says what there is', async () => {
  const { code, out, err } = await run('--help');
  expect([code, err]).toEqual([0, '']);
  for (const flag of [
    '--seeds',
    '--from',
    '--seed',
    '--faults',
    '--scenario',
    '--deployment',
    '--explore',
    '--workers',
    '--keep-faults',
    '--log',
  ])
    expect(out).toContain(`\n  ${flag} `);
});

test.each([
  [['--sedes', '3'], "Unknown option '--sedes'; --help says what there is"],
  [['--seeds', 'many'], "--seeds is 'many': give a whole number from 1"],
  [['--faults', ''], '--faults needs --seed'],
])('%s is refused in one line', async (args, line) => {
  expect(await run(...args)).toEqual({ code: 1, out: '', err: `${line}\n` });
});

test('seeds that keep every promise end with 0, and the report says what happened', async () => {
  const json = join(folder, 'report.json');
  const { code, out, err } = await run('--scenario', 'right', '--seeds', '12', '--from', '9', '--workers', '1', '--json', json);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^right: 12 seeds, /);
  expect(out).toMatch(/\n {2}run twice {5}1 seeds, 0 with another trace\n {2}violations {4}none\n/);
  const { right } = JSON.parse(readFileSync(json, 'utf8')) as Record<string, CampaignReport>;
  expect(right).toMatchObject({ seeds: 12, runs: 13, failures: [] });
});

test('a failure is reported with the command that runs it again, and that command shows the same', async () => {
  const { code, out } = await run('--scenario', 'wrong', '--seeds', '100', '--failures', '1', '--workers', '1');
  expect(code).toBe(1);
  const [, broken] = /\n( {2}BROKEN .*)\n/.exec(out) ?? [];
  const [, deployment, seed, faults] = /--deployment (\w+) --seed (\d+) --faults '([^']+)'/.exec(out) ?? [];
  const again = ['--scenario', 'wrong', '--deployment', deployment as string, '--seed', seed as string];
  const file = join(folder, 'faults.txt');
  writeFileSync(file, `${faults}\n`);
  const told = await run(...again, '--faults', file);
  expect([told.code, told.err]).toEqual([1, '']);
  expect(told.out).toContain(`\n${broken}\n`);
  expect(told.out).toContain(`\n  faults (1): ${faults}\n`);
  // Without its fault the seed holds, and --log shows what the processes say.
  const calm = await run(...again, '--faults', '', '--log');
  expect(calm.code).toBe(0);
  expect(calm.out).toContain(': every promise was kept\n  no faults\n');
  expect(calm.err).toContain('"event":"process_ready"');
});

test('a process that dies while it runs a seed is a finding, and the other seeds are run', async () => {
  const { code, out } = await run('--scenario', 'deadly', '--seeds', '4', '--workers', '1');
  expect(code).toBe(1);
  expect(out).toMatch(/^deadly: 4 seeds, /);
  expect(out).toMatch(/\nseed 2 of deadly, as (monolith|services)\n {2}BROKEN worker: the process that ran the seed ended by SIGKILL\n/);
  expect(out.match(/BROKEN/g)).toHaveLength(1);
  expect(foldersOf(Number(readFileSync(join(folder, 'pids'), 'utf8')))).toEqual([]);
});

test('--explore kills at every point of the small simulations', async () => {
  const { code, out } = await run('--explore', '--deployment', 'services', '--workers', '1');
  expect(code).toBe(0);
  expect(out).toMatch(/^small, as services: killed once at each of \d+ points, 0 broken\n$/);
});

test.each([
  ['SIGINT', 'one seed in one process', ['--seed', '1'], 1],
  ['SIGTERM', 'many seeds in workers, and only their parent gets the signal', ['--workers', '2'], 2],
] as const)('%s ends it, and no folder stays behind: %s', async (signal, _what, args, processes) => {
  const file = join(folder, signal);
  const child = begin(['--scenario', 'endless', ...args], { PIDS_FILE: file });
  const ended = new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  const pids = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []);
  await until(() => pids().length === processes);
  expect(pids().flatMap(foldersOf)).toHaveLength(processes);
  child.kill(signal);
  expect(await ended).toBe(signal);
  await until(() => pids().flatMap(foldersOf).length === 0 && pids().every((pid) => !existsSync(`/proc/${pid}`)));
});

const foldersOf = (pid: number): string[] =>
  ['/dev/shm', tmpdir()]
    .flatMap((place) => (existsSync(place) ? readdirSync(place) : []))
    .filter((name) => name.startsWith(`ramet-simulation-${pid}-`));

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > 20_000) throw new Error('not within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
