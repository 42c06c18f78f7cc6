import { webhookProblems } from '../../alert/index.ts';
import { BootError, nodeProblem, type Warn } from '../../errors/index.ts';
import { type Platform, realPlatform } from '../../platform/index.ts';
import {
  createHealth,
  createLog,
  createMetrics,
  guarded,
  type Health,
  type Instrument,
  instrumentProblems,
  isLogLevel,
  joined,
  type Metrics,
  metricsInstrument,
  type RootLog,
  type StandardMetrics,
  standardMetrics,
} from '../../telemetry/index.ts';
import { BootWait } from '../boot-wait.ts';
import { callLog } from '../call-log.ts';
import type { StartOptions } from '../options.ts';
import { type Plan, planOf } from '../process-plan.ts';
import { startProblems } from '../start-problems.ts';
import type { Topology } from '../topology.ts';

/** What the later phases of a start work with: which process this is, and its instruments. */
export interface PlannedProcess extends Plan {
  readonly topology: Topology;
  readonly options: StartOptions;
  readonly platform: Platform;
  readonly log: RootLog;
  readonly metrics: Metrics;
  readonly standard: StandardMetrics;
  /** Listens to everything that the process does. */
  readonly instrument: Instrument;
  readonly health: Health;
  /** The one wait of this start for servers that are unavailable. */
  readonly wait: BootWait;
  /** What is wrong with the options. The check reports it together with what it finds. */
  readonly problems: readonly string[];
}

/**
 * The first phase of a start: chooses the profile and the process, and makes log, metrics and health.
 * @throws BootError when Node is too old, or the topology has no such process
 */
export async function planProcess(topology: Topology, options: StartOptions): Promise<PlannedProcess> {
  const tooOld = nodeProblem();
  if (tooOld !== undefined) throw new BootError([tooOld]);
  const platform = options.platform ?? realPlatform();
  const startedAtMono = platform.clock.monoNow();
  const { name: service = 'ramet', version = '0', env = 'development', logLevel = 'info' } = options;
  const notInstrument = instrumentProblems(options.instrument);
  const problems = [...webhookProblems(options.alertWebhook), ...startProblems(options), ...notInstrument];
  if (!isLogLevel(logLevel)) problems.push(`LOG_LEVEL '${logLevel}' is none of trace, debug, info, warn, error, silent`);
  const log = createLog({ platform, service, version, env, level: isLogLevel(logLevel) ? logLevel : 'info', destination: options.logTo });
  const metrics = createMetrics({ service, version, env, onError: (error) => log.event('gauge_failed', { err: error }) });
  const wait = bootWaitOf(platform, log, options, problems);
  const plan = await planOf(topology, options, problems);
  const health = createHealth(platform, { startedAtMono, log });
  const standard = standardMetrics(metrics);
  const theirs = options.instrument && notInstrument.length === 0 ? guarded(options.instrument, log) : undefined;
  const instrument = joined(metricsInstrument(standard, platform), callLog(log), theirs);
  return { ...plan, topology, options, platform, log, metrics, standard, instrument, health, wait, problems };
}

/** @returns a wait of the default length, and a problem, where the option is not a duration */
function bootWaitOf(platform: Platform, log: RootLog, { bootWait }: StartOptions, problems: string[]): BootWait {
  const warn: Warn = (event, fields, detail) => log.event(event, fields, detail);
  try {
    return new BootWait(platform, warn, bootWait);
  } catch (error) {
    problems.push(`bootWait: ${(error as Error).message}`);
    return new BootWait(platform, warn);
  }
}
