import type { Runtime, StartOptions } from './options.ts';
import { checkProcess } from './phases/check.ts';
import { hostProcess } from './phases/host.ts';
import { openProcess } from './phases/open.ts';
import { planProcess } from './phases/plan.ts';
import { serveProcess } from './phases/serve.ts';
import { partsOf, shutDown } from './shutdown.ts';
import type { Topology } from './topology.ts';
import { guardUnawaited } from './unawaited.ts';

/**
 * Starts a process of a topology in five phases: it plans what the process is, checks everything that it hosts, opens and migrates
 * the stores, hosts the services, and serves. What an earlier phase has begun is ended when a later one fails.
 * @example
 * const runtime = await start(shop, { ports: { web: 3000 } });
 * await runtime.stop();
 * @throws BootError with every problem found, before anything is served
 */
export async function start(topology: Topology, options: StartOptions = {}): Promise<Runtime> {
  guardUnawaited();
  const planned = await planProcess(topology, options);
  const checked = await checkProcess(planned);
  const parts = partsOf(planned);
  try {
    const source = await openProcess(planned, checked, parts);
    const hosted = await hostProcess(planned, checked, source, parts);
    return await serveProcess(planned, checked, hosted, parts);
  } catch (error) {
    await shutDown(parts, {}).catch(() => {});
    throw error;
  }
}
