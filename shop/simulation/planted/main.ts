import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CampaignReport } from 'ramet/simulation';
import { type Defect, defects } from './defects.ts';

/*
 * Proves that the simulator finds mistakes: plants each known one, runs seeds until it is found, and asks that few faults
 * remain. `npm run planted -- [name …]`.
 */
const SEEDS = 500;
const FAULTS_MAX = 2;

const register = fileURLToPath(new URL('./register.ts', import.meta.url));
const simulations = fileURLToPath(new URL('../main.ts', import.meta.url));
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(defects);
const folder = mkdtempSync(join(tmpdir(), 'planted-'));
let passed = 0;
try {
  for (const name of names) {
    const defect = defects[name];
    if (!defect) throw new Error(`there is no defect '${name}'; there are ${Object.keys(defects).join(', ')}`);
    if (await found(name, defect)) passed++;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${names.length - passed} failed\n`);
process.exitCode = passed === names.length ? 0 : 1;

/** Runs seeds with the defect until one fails. */
async function found(name: string, { what, scenario }: Defect): Promise<boolean> {
  const json = join(folder, `${name}.json`);
  const began = performance.now();
  const said = await run(name, ['--scenario', scenario, '--seeds', String(SEEDS), '--failures', '1', '--json', json]);
  let report: CampaignReport | undefined;
  try {
    report = (JSON.parse(readFileSync(json, 'utf8')) as Record<string, CampaignReport>)[scenario];
  } catch {
    process.stdout.write(`${name}: no report\n${said}\n`);
    return false;
  }
  const failures = [...(report?.failures ?? [])].sort((a, b) => a.faults.length - b.faults.length);
  const [least] = failures;
  const seconds = ((performance.now() - began) / 1_000).toFixed(0);
  if (!least) {
    process.stdout.write(`NOT FOUND ${name} (${what}) in ${report?.seeds} seeds, ${seconds} s\n`);
    return false;
  }
  const few = least.faults.length <= FAULTS_MAX;
  process.stdout.write(
    `${few ? 'found' : 'NOT SMALL'} ${name} (${what}): after ${report?.seeds} seeds, ${seconds} s; ${least.violations[0]?.id}; ${least.faults.length} faults: ${least.faults.join(', ') || 'none needed'}\n`,
  );
  return few;
}

function run(name: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--import', register, '-C', 'ramet-source', simulations, ...args], {
    env: { ...process.env, RAMET_PLANTED: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  return new Promise((resolve) => child.on('close', () => resolve(said)));
}
