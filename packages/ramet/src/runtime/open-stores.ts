import { BootError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { FRAMEWORK_TABLES, type ServiceDefinition } from '../service/index.ts';
import { migrate, readMigrations, refuseMoved, type Store, type StoreEnvironment, type StoreFactory } from '../store/index.ts';
import type { BootWait } from './boot-wait.ts';

/**
 * Opens and migrates the stores of the hosted services, side by side. Each step is idempotent, so it is repeated while the store is
 * unavailable: a migration whose COMMIT was cut is looked up before it is run again.
 * @throws BootError with what went wrong with each
 */
export async function openStores(
  platform: Platform,
  wait: BootWait,
  factory: StoreFactory,
  environment: StoreEnvironment,
  definitions: Map<string, ServiceDefinition>,
  stores: Map<string, Store>,
): Promise<void> {
  const problems: string[] = [];
  await Promise.all(
    [...definitions].map(async ([name, definition]) => {
      const what = `the store of '${name}'`;
      const { migrations } = readMigrations(platform, definition.store?.migrations);
      try {
        const store = await wait.until(what, () => factory.open(name, environment));
        stores.set(name, store);
        await wait.until(`the migrations of '${name}'`, () => migrate(store, platform, FRAMEWORK_TABLES, migrations));
        await wait.until(what, () => refuseMoved(store));
      } catch (error) {
        problems.push((error as Error).message);
      }
    }),
  );
  if (problems.length > 0) throw new BootError(problems);
}
