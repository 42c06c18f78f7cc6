import { BootError } from '../../errors/index.ts';
import type { ServiceDefinition } from '../../service/index.ts';
import type { StoreEnvironment } from '../../store/index.ts';
import { failBoot } from '../boot-wait.ts';
import { openStore, type StoreSource } from '../homes/open-store.ts';
import { openLinks } from '../links.ts';
import type { RunningParts } from '../shutdown.ts';
import type { CheckedProcess } from './check.ts';
import type { PlannedProcess } from './plan.ts';

/**
 * The third phase of a start: makes the links to other processes, and opens and migrates the stores of the hosted services, side by side.
 * @returns where the stores come from, for a service that is started again later
 * @throws BootError with what went wrong with each
 */
export async function openProcess(planned: PlannedProcess, { definitions }: CheckedProcess, parts: RunningParts): Promise<StoreSource> {
  const { topology, profile, process, hosts, options, platform, log } = planned;
  const source: StoreSource = { platform, factory: profile.store, environment: storeEnvironmentOf(planned) };
  await source.factory.prepare(source.environment).catch(failBoot);
  // A process that cannot speak with the others is refused before any store is opened or migrated.
  if (process !== undefined) parts.links = openLinks({ topology, profile, process, hosts, options, platform, log });
  await openStores(planned, source, definitions, parts);
  return source;
}

async function openStores(
  { wait }: PlannedProcess,
  source: StoreSource,
  definitions: ReadonlyMap<string, ServiceDefinition>,
  { directory }: RunningParts,
): Promise<void> {
  const problems: string[] = [];
  await Promise.all(
    [...definitions].map(async ([name, definition]) => {
      try {
        directory.stores.set(name, await openStore(source, definition, wait));
      } catch (error) {
        problems.push((error as Error).message);
      }
    }),
  );
  if (problems.length > 0) throw new BootError(problems);
}

function storeEnvironmentOf({ platform, log, instrument, options }: PlannedProcess): StoreEnvironment {
  const exitNow = (error: unknown) => {
    log.event('durability_lost', { err: error });
    void log.flush(500).finally(() => process.exit(1));
  };
  return {
    platform,
    onWarning: (event, fields, detail) => log.event(event, fields, detail),
    onFatal: options.onFatal ?? exitNow,
    onCommit: (service, ms, transactions) => instrument.note?.({ what: 'commit', service, ms, transactions }),
  };
}
