import { BootError, isNoted } from '../errors/index.ts';
import { realPlatform, SECOND } from '../platform/index.ts';
import type { Runtime, StartOptions } from './options.ts';
import { start } from './runtime.ts';
import type { Topology } from './topology.ts';

/** When a process that is still stopping exits anyway: orchestrators kill at 30 s, and an exit of our own can still be logged. */
const HARD_EXIT_MS = 25 * SECOND;

/**
 * Runs a topology as the whole of a process. SIGTERM and SIGINT stop it in order, and a second signal ends it at once. A start that
 * fails prints every reason and exits with 1. An uncaught error ends the process, because its state is unknown.
 * @param afterStop ends what the caller started beside the runtime
 * @example
 * await run(shop, { ports: { web: 3000 } });
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
