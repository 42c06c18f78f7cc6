import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Start } from '../core/row.ts';

const root = join(import.meta.dirname, '../..');
const SEEDS = 100;

/** Reads how many seeds it ran and how long from what the simulator prints last: `… <n> seeds … <s> s …`. */
const start: Start = async () => {
  const { scripts = {} } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts?: Record<string, string> };
  if (!scripts['simulate']) throw new Error("package.json has no script 'simulate' yet");
  return {
    async round() {
      const began = performance.now();
      const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'simulate', '--', '--seeds', String(SEEDS)], { cwd: root });
      const seconds = (performance.now() - began) / 1_000;
      const told = /(\d+) seeds\b.*?([\d.]+) s\b/s.exec(stdout);
      return { seeds: told ? Number(told[1]) / Number(told[2]) : SEEDS / seconds };
    },
    close: async () => {},
  };
};
export default start;
