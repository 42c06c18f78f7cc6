import type { CampaignReport, Failure } from './campaign.ts';
import type { Exploration } from './explore.ts';

const HOUR_MS = 3_600_000;
const TRACE_SHOWN = 60;
/** What happens all the time and tells nothing. */
const IDLE = / (?:timer|turn|tick|time passes|(?:arrives|received|answer) \S+ (?:outbox|head))$/;

/** What a campaign saw, for people. */
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

/** A failing run: what broke, with which faults, how it came to it, and how to run it again. */
export function renderFailure(name: string, failure: Omit<Failure, 'shrunkIn'> & { readonly shrunkIn: number }): string {
  const { seed, deployment, faults, violations } = failure;
  const lines = [
    `\nseed ${seed} of ${name}, as ${deployment}${violations.length === 0 ? ': every promise was kept' : ''}`,
    ...violations.slice(0, 10).map(({ id, detail }) => `  BROKEN ${id}: ${detail}`),
    faults.length === 0
      ? '  no faults'
      : `  faults (${faults.length}${failure.shrunkIn > 0 ? `, after ${failure.shrunkIn} runs to make them few` : ''}): ${faults.slice(0, 20).join(', ')}`,
    ...(violations.length > 0
      ? failure.trace
          .filter((line) => !IDLE.test(line))
          .slice(-TRACE_SHOWN)
          .map((line) => `  | ${line}`)
      : []),
    `  replay: npm run simulate -- --scenario ${name} --deployment ${deployment} --seed ${seed} --faults '${faults.join(',')}'`,
  ];
  return `${lines.join('\n')}\n`;
}

export function renderExploration(name: string, { deployment, points, failures }: Exploration): string {
  const broken = failures
    .slice(0, 10)
    .map(({ point, n, violations }) => `  BROKEN by a kill at ${point} #${n}: ${violations[0]?.id}: ${violations[0]?.detail}`);
  return `${[`${name}, as ${deployment}: killed once at each of ${points} points, ${failures.length} broken`, ...broken].join('\n')}\n`;
}
