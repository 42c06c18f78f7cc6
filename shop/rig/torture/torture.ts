import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { optionsOf, type TortureOptions, USAGE } from './options.ts';
import { linesOfJudgements, linesOfReport, reportOf } from './report.ts';
import { run } from './run.ts';
import { runServices } from './services/run.ts';
import { judge } from './verdict/verdict.ts';

/*
 * `npm run torture -- --kills 50`: a shop under continuous load is killed at random moments and at its worst ones, and started
 * again each time; when it is at rest, everything it promises is checked on disk, at the payment provider, in the
 * mails and in the answers to its clients. `--profile services` does the same to a process per service and gateway, and to
 * PostgreSQL, Kafka and Consul under them.
 */
let options: TortureOptions;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
  process.exit(2);
}

// The shop is a process group of its own: it dies when this process exits, but not with its signals.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const say = (line: string) => process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), 'ramet-torture-'));
const startedMono = performance.now();
const services = options.profile === 'services';
// PostgreSQL runs as a user of its own, who has to come to its folder.
if (services) chmodSync(folder, 0o755);
say(`torture: seed ${options.seed}, ${options.kills} ${services ? `faults, services on ${options.bus}` : 'kills'}, in ${folder}`);
process.exitCode = 1;
try {
  const evidence = await (services ? runServices : run)(options, folder, say);
  const judgements = judge(evidence);
  const report = reportOf(options, evidence, judgements, (performance.now() - startedMono) / 1_000);
  evidence.databases[Symbol.dispose]();
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (options.json !== undefined) writeFileSync(options.json, json);
  const failed = judgements.filter(({ violations }) => violations.length > 0).length;
  for (const line of ['', ...linesOfReport(report), '', ...linesOfJudgements(judgements), '']) say(line);
  if (failed > 0 || options.keep) {
    writeFileSync(join(folder, 'report.json'), json);
    writeFileSync(join(folder, 'history.json'), JSON.stringify(evidence.history));
    say(`the data is in ${folder}`);
  } else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exitCode = failed === 0 ? 0 : 1;
  say(`${judgements.length - failed} passed, ${failed} failed`);
} catch (error) {
  say(`the torture itself failed: ${(error as Error).stack}`);
  say(`the data is in ${folder}`);
  say('0 passed, 1 failed');
}
process.exit();
