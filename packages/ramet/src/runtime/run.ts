import { BootError, isNoted } from '../errors/index.ts';
import { realPlatform, SECOND } from '../platform/index.ts';
import type { Runtime, StartOptions } from './options.ts';
import { start } from './runtime.ts';
import type { Topology } from './topology.ts';

/** A process that has not ended by then is ended: orchestrators kill at 30 s, and a kill of ours is at least written down. */
const HARD_EXIT_MS = 25 * SECOND;

/**
 * Starts a topology as the whole of a process: SIGTERM and SIGINT stop it in order, a second signal at once; what cannot
 * start says all its reasons and exits 1; an error that nobody caught ends the process, because its state is unknown.
 * @param afterStop ends what the caller started beside the runtime
 */
export async function run(
  topology: Topology,
  options: StartOptions = {},
  afterStop: () => Promise<void> | void = () => {},
): Promise<Runtime> {
  const platform = options.platform ?? realPlatform();
  let runtime: Runtime | undefined;
  let signals = 0;
  const stop = (code: number, why: string) => {
    signals++;
    if (signals > 1) process.exit(code === 0 ? 130 : code);
    platform.timers.set(HARD_EXIT_MS, () => process.exit(1));
    runtime?.log.event('process_stopping', { why });
    void Promise.resolve(runtime?.stop())
      .catch((error: unknown) => process.stderr.write(`stopping failed: ${String(error)}\n`))
      .then(afterStop)
      .finally(() => process.exit(code));
  };
  process.on('SIGTERM', () => stop(0, 'SIGTERM'));
  process.on('SIGINT', () => stop(0, 'SIGINT'));
  const uncaught = (error: unknown) => {
    if (runtime) runtime.log.event('uncaught_error', { err: error });
    else process.stderr.write(`${String(error)}\n`);
    stop(1, 'uncaught error');
  };
  process.on('uncaughtException', uncaught);
  process.on('unhandledRejection', (reason) => {
    if (!isNoted(reason)) uncaught(reason);
  });
  try {
    runtime = await start(topology, { ...options, platform });
    return runtime;
  } catch (error) {
    process.stderr.write(`${error instanceof BootError ? error.message : ((error as Error).stack ?? String(error))}\n`);
    await afterStop();
    process.exit(1);
  }
}
