import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, quiet } from './core/machine.ts';
import { markdownOf, type Report, tableOf } from './core/report.ts';
import { type RowResult, runRow } from './core/run-row.ts';
import { slowFlush } from './flush/flush.ts';
import { rows } from './rows.ts';

const USAGE = `npm run bench -- [options]
  --row 1.3,1.5      only these rows
  --contender <re>   only contenders whose name fits
  --rounds <n>       rounds of each contender (default 5)
  --for <ms>         how long a round measures each thing (default 1000)
  --flush <us>       the slow flush, in microseconds (default 3000; 0 for none)
  --quiet-below <n>  waits up to 20 minutes for a load average below n (default 1.5; 0 to begin at once)
  --write            writes bench/results/<date>.json and the tables of docs/benchmarks.md
`;

const { values } = parseArgs({
  options: {
    row: { type: 'string' },
    contender: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    for: { type: 'string', default: '1000' },
    flush: { type: 'string', default: '3000' },
    'quiet-below': { type: 'string', default: '1.5' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const QUIET_FOR_MS = 20 * 60_000;
const rounds = number('rounds', values.rounds, 1);
const forMs = number('for', values.for, 10);
const flushUs = number('flush', values.flush, 0);
const below = number('quiet-below', values['quiet-below'], 0);
const asked = values.row?.split(',');
const chosen = rows.filter(({ id }) => asked === undefined || asked.includes(id));
if (chosen.length === 0) refuse(`--row ${values.row} names no row; there are ${rows.map(({ id }) => id).join(', ')}`);

/** A number of the command line. Ends the process when it is none. */
function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!(value >= least)) refuse(`--${name} is '${text}'; write a number from ${least}`);
  return value;
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n${USAGE}`);
  process.exit(64);
}

const tell = (line: string) => void process.stderr.write(`${line}\n`);
if (below > 0) tell(`load average ${(await quiet(below, QUIET_FOR_MS)).toFixed(2)}`);
using slow = flushUs > 0 ? slowFlush(flushUs) : undefined;
const results: RowResult[] = [];
for (const row of chosen) {
  tell(`${row.id} ${row.title}`);
  const only = values.contender === undefined ? undefined : new RegExp(values.contender);
  const result = await runRow(row, slow, commit(), { rounds, forMs, only, tell });
  results.push(result);
  process.stdout.write(`\n### ${row.id} ${row.title}\n\n${tableOf(result)}\n`);
}
if (values.write) write(results);

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
      // Other programs that work in this repository must not wait for our lock.
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Rows that were not measured now are taken over from the results before, with their own date. */
function write(measured: readonly RowResult[]): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const last = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .at(-1);
  const earlier = last === undefined ? [] : (JSON.parse(readFileSync(join(folder, last), 'utf8')) as Report).rows;
  const rowsNow = rows.flatMap(({ id }) => [...measured, ...earlier].find(({ row }) => row.id === id) ?? []);
  const report: Report = { machine: machine(), rows: rowsNow };
  const name = `${new Date().toISOString().slice(0, 16).replace(':', '')}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(report, null, 1)}\n`);
  const page = join(import.meta.dirname, '../docs/benchmarks.md');
  const [before = '', rest = ''] = readFileSync(page, 'utf8').split('<!-- results -->\n');
  const after = rest.split('<!-- end of results -->\n')[1] ?? '';
  writeFileSync(page, `${before}<!-- results -->\n${markdownOf(report)}\n<!-- end of results -->\n${after}`);
  tell(`written to bench/results/${name} and docs/benchmarks.md`);
}
