import { BootError, type Warn } from '../errors/index.ts';
import { type Platform, realPlatform } from '../platform/index.ts';
import { FRAMEWORK_TABLES } from '../service/index.ts';
import {
  type MovedTable,
  migrate,
  moveStore,
  readMigrations,
  type Store,
  type StoreEnvironment,
  type StoreFactory,
} from '../store/index.ts';
import { BootWait } from './boot-wait.ts';
import { loadAll } from './load.ts';
import { planOf } from './process-plan.ts';
import type { Topology } from './topology.ts';

export interface MoveServiceOptions {
  /** The service whose rows move. None of its processes runs. */
  readonly service: string;
  /** Whose store they leave (default: the one that `start` would take). */
  readonly profile?: string;
  /** Where they go; made with as many partitions as the store has that they leave. */
  readonly to: (partitions: number) => StoreFactory;
  readonly platform?: Platform;
  /** Called for each table when it has been copied and compared. */
  readonly onCopied?: (table: MovedTable) => void;
  readonly onWarning?: Warn;
}

/**
 * Moves all rows of one service from the store of its profile into another one, offline: events with their positions, what was
 * handled, open sagas, timers. It can be cut off and run again. Afterwards name the new store in the topology; the old one
 * lets nobody start on it.
 * @throws BootError when the service or a store cannot be opened; RametError MoveRefused, MoveFailed
 */
export async function moveService(topology: Topology, options: MoveServiceOptions): Promise<readonly MovedTable[]> {
  const { service, platform = realPlatform(), onCopied, onWarning = () => {} } = options;
  const { profile } = await planOf(topology, { ...(options.profile === undefined ? {} : { profile: options.profile }), hosts: [service] });
  const problems: string[] = [];
  const definition = (await loadAll('service', topology.services, new Set([service]), problems)).get(service);
  if (!definition) throw new BootError(problems.length > 0 ? problems : [`'${service}' is no service of the topology`]);
  const { migrations } = readMigrations(platform, definition.store?.migrations);
  const environment: StoreEnvironment = {
    platform,
    onWarning,
    onFatal: (error) => {
      throw error;
    },
  };
  const wait = new BootWait(platform, onWarning);
  const opened: Store[] = [];
  const factories: StoreFactory[] = [];
  const open = async (factory: StoreFactory) => {
    await factory.prepare(environment);
    factories.push(factory);
    const store = await wait.until(`the store of '${service}'`, () => factory.open(service, environment));
    opened.push(store);
    await wait.until(`the migrations of '${service}'`, () => migrate(store, platform, FRAMEWORK_TABLES, migrations));
    return store;
  };
  try {
    const from = await open(profile.store);
    const to = await open(options.to(from.capabilities.partitions));
    return await moveStore({ from, to, platform, folders: FRAMEWORK_TABLES, ...(onCopied ? { onCopied } : {}) });
  } finally {
    await Promise.allSettled(opened.map((store) => store.close()));
    await Promise.allSettled(factories.map((factory) => factory.release()));
  }
}
