import { BootError, RametError, type Warn } from '../errors/index.ts';
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
  /** The service whose rows move. No process of it may run. */
  readonly service: string;
  /** The profile whose store they leave (default: the profile that `start` chooses). */
  readonly profile?: string;
  /** Makes the target, with as many partitions as the source has. */
  readonly to: (partitions: number) => StoreFactory;
  readonly platform?: Platform;
  /** Called for each table when it has been copied and compared. */
  readonly onCopied?: (table: MovedTable) => void;
  /** Called with what an operator should know, such as a server that does not answer yet. */
  readonly onWarning?: Warn;
}

/**
 * Moves all rows of one service, offline, from the store of its profile into another one: events with their positions, the record of
 * handled events, open sagas, timers. A move that was interrupted can be run again. Afterwards, name the new store in the topology: no
 * process can start on the old one.
 * @throws BootError when the service or a store cannot be opened; RametError MoveRefused, MoveFailed
 */
export async function moveService(topology: Topology, options: MoveServiceOptions): Promise<readonly MovedTable[]> {
  const { service, platform = realPlatform(), onCopied, onWarning = () => {} } = options;
  if (!(service in topology.services))
    throw new RametError('MoveRefused', `the topology has no service '${service}'; it has ${Object.keys(topology.services).join(', ')}`);
  const problems: string[] = [];
  const chosen = options.profile === undefined ? {} : { profile: options.profile };
  const { profile } = await planOf(topology, { ...chosen, hosts: [service] }, problems);
  if (problems.length > 0) throw new BootError(problems);
  const definition = (await loadAll('service', topology.services, new Set([service]), problems)).get(service);
  if (!definition) throw new BootError(problems);
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
    const target = options.to(from.capabilities.partitions);
    if (target.place !== undefined && target.place === profile.store.place)
      throw new RametError('MoveRefused', `the rows of '${service}' are already in '${target.place}': name another target`);
    const to = await open(target);
    return await moveStore({ from, to, platform, folders: FRAMEWORK_TABLES, ...(onCopied ? { onCopied } : {}) });
  } finally {
    await Promise.allSettled(opened.map((store) => store.close()));
    await Promise.allSettled(factories.map((factory) => factory.release()));
  }
}
