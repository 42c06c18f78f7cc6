import type { CampaignReport, FailedSeed } from './campaign.ts';
import type { Exploration } from './explore.ts';

const HOUR_MS = 3_600_000;
const TRACE_SHOWN = 60;
const VIOLATIONS_SHOWN = 10;
const FAULTS_SHOWN = 20;
/** What happens all the time and means nothing. */
const IDLE = / (?:timer|turn|tick|time passes|(?:arrives|received|answer) \S+ (?:outbox|head))$/;

/** Writes the result of a campaign for people. */
export function renderReport(name: string, report: CampaignReport, seconds: number): string {
  const faults = Object.entries(report.faults).sort(([, a], [, b]) => b - a);
  const total = faults.reduce((sum, [, n]) => sum + n, 0);
  const lines = [
    `${name}: ${report.seeds} seeds, ${(report.simulatedMs / HOUR_MS).toFixed(1)} simulated hours in ${seconds.toFixed(0)} s (${(report.runs / seconds).toFixed(1)} runs/s), ${report.events} events`,
    `  deployments   ${Object.entries(report.deployments)
      .map(([what, n]) => `${what} ${n}`)
      .join(', ')}`,
    `  modes         ${Object.entries(report.modes)
      .map(([what, n]) => `${what} ${n}`)
      .join(', ')}`,
    `  faults        ${total}: ${faults.map(([kind, n]) => `${kind} ${n}`).join(', ')}`,
    `  sometimes     ${
      Object.entries(report.sometimes)
        .map(([what, n]) => `${what} (${n})`)
        .join(', ') || 'nothing was noted'
    }`,
    `  run twice     ${report.repeated} seeds, ${report.nondeterministic.length} with another trace${report.nondeterministic.length > 0 ? `: ${report.nondeterministic.join(', ')}` : ''}`,
    `  violations    ${report.failures.length === 0 ? 'none' : `in ${report.failures.length} seeds`}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Writes a failing run: what broke, with which faults, what happened before, and how to run it again. */
export function renderFailure(name: string, failure: Reported): string {
  const { seed, deployment, faults } = failure;
  const replay = `npm run simulate -- --scenario ${name} --deployment ${deployment} --seed ${seed} --faults '${faults.join(',')}'`;
  return rendered(`seed ${seed} of ${name}, as ${deployment}`, failure, replay);
}

/**
 * Writes a failure of `simulate` for people: what broke, with which faults, what was logged as an error and what happened last,
 * and the call that runs it again.
 * @example
 * for (const failure of report.failures) console.error(formatFailure(failure));
 */
export function formatFailure(failure: FailedSeed): string {
  const { seed, deployment, faults } = failure;
  const again = [`seed: ${quoted(seed)}`, `deployment: ${quoted(deployment)}`, `faults: [${faults.map(quoted).join(', ')}]`];
  return rendered(`seed ${seed}, as ${deployment}`, failure, `await replay(topology, simulation, { ${again.join(', ')} })`);
}

/**
 * Fails a test when a campaign has found a failure, with a text that describes it.
 * @param report the result of `simulate`
 * @throws Error with every failure, as `formatFailure` writes it, and the seeds whose second run differed
 * @example
 * assertKept(await simulate(topology, { scenario, invariants }));
 */
export function assertKept({ failures, nondeterministic, seeds }: CampaignReport): void {
  const found = failures.map(formatFailure);
  if (nondeterministic.length > 0)
    found.push(
      `\nthe second run of seed ${nondeterministic.join(', ')} took another way: the code uses time, chance or I/O beside 'ctx'\n`,
    );
  if (found.length === 0) return;
  const error = new Error(
    `the simulation found ${failures.length === 0 ? 'chance that no seed decides' : `${failures.length} of ${seeds} seeds that break a promise`}\n${found.join('')}`,
  );
  // The stack of the test says nothing of what went wrong in the run.
  Error.captureStackTrace(error, assertKept);
  throw error;
}

type Reported = Omit<FailedSeed, 'shrunkIn'> & { readonly shrunkIn: number };

function rendered(title: string, { violations, faults, shrunkIn, trace, logged }: Reported, replay: string): string {
  const shrunk = shrunkIn > 0 ? `, after ${shrunkIn} runs to make them few` : '';
  const lines = [
    `\n${title}${violations.length === 0 ? ': every promise was kept' : ''}`,
    ...violations.slice(0, VIOLATIONS_SHOWN).map(({ id, detail }) => `  BROKEN ${id}: ${indented(detail, 4)}`),
    faults.length === 0 ? '  no faults' : `  faults (${faults.length}${shrunk}): ${faults.slice(0, FAULTS_SHOWN).join(', ')}`,
    ...(violations.length > 0 ? logged.map((line) => `  ! ${indented(loggedLine(line), 4)}`) : []),
    ...(violations.length > 0
      ? trace
          .filter((line) => !IDLE.test(line))
          .slice(-TRACE_SHOWN)
          .map((line) => `  | ${line}`)
      : []),
    `  replay: ${replay}`,
  ];
  return `${lines.join('\n')}\n`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const indented = (text: string, by: number): string => text.replaceAll('\n', `\n${' '.repeat(by)}`);

/** A line of a process's log: when, which process, what it says, and the stack of the error. */
function loggedLine(line: string): string {
  const [, head = '', json = ''] = /^(\S+ \S+) (\{.*\})$/s.exec(line) ?? [];
  try {
    const { msg, err } = JSON.parse(json) as { msg?: string; err?: { stack?: string; message?: string } };
    return [`${head} ${msg}`, err?.stack ?? err?.message].filter((part) => part !== undefined).join('\n');
  } catch {
    return line;
  }
}

/** Writes the result of a kill at each point for people. */
export function renderExploration(name: string, { deployment, points, failures }: Exploration): string {
  const broken = failures
    .slice(0, 10)
    .map(({ point, n, violations }) => `  BROKEN by a kill at ${point} #${n}: ${violations[0]?.id}: ${violations[0]?.detail}`);
  return `${[`${name}, as ${deployment}: killed once at each of ${points} points, ${failures.length} broken`, ...broken].join('\n')}\n`;
}
