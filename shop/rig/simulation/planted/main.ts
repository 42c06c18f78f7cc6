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

/** Runs seeds with the defect until one fails that few faults are enough for: the first may be a complicated one. */
async function found(name: string, { what, scenario }: Defect): Promise<boolean> {
  const json = join(folder, `${name}.json`);
  const began = performance.now();
  let seeds = 0;
  let least: readonly string[] | undefined;
  while (seeds < SEEDS) {
    const range = ['--from', String(seeds + 1), '--seeds', String(SEEDS - seeds)];
    const said = await run(name, ['--scenario', scenario, ...range, '--failures', '1', '--json', json]);
    let report: CampaignReport | undefined;
    try {
      report = (JSON.parse(readFileSync(json, 'utf8')) as Record<string, CampaignReport>)[scenario];
      rmSync(json);
    } catch {}
    if (!report) {
      process.stdout.write(`${name}: no report\n${said}\n`);
      return false;
    }
    seeds += report.seeds;
    for (const { faults, violations } of report.failures) {
      if (least && least.length <= faults.length) continue;
      least = faults;
      if (faults.length > FAULTS_MAX) continue;
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      process.stdout.write(
        `found ${name} (${what}): after ${seeds} seeds, ${seconds} s; ${violations[0]?.id}; ${faults.length} faults: ${faults.join(', ') || 'none needed'}\n`,
      );
      return true;
    }
  }
  process.stdout.write(
    least
      ? `NOT SMALL ${name} (${what}): ${least.length} faults at least, in ${seeds} seeds: ${least.join(', ')}\n`
      : `NOT FOUND ${name} (${what}) in ${seeds} seeds\n`,
  );
  return false;
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
