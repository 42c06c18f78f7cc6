import { BootError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import { migrate, readMigrations, refuseMoved, type Store, type StoreEnvironment, type StoreFactory } from '../store/index.ts';

/**
 * Opens and migrates the stores of the hosted services, side by side.
 * @throws BootError with what went wrong with each
 */
export async function openStores(
  platform: Platform,
  factory: StoreFactory,
  environment: StoreEnvironment,
  definitions: Map<string, ServiceDefinition>,
  stores: Map<string, Store>,
): Promise<void> {
  const problems: string[] = [];
  await Promise.all(
    [...definitions].map(async ([name, definition]) => {
      try {
        const store = await factory.open(name, environment);
        stores.set(name, store);
        await migrate(store, platform, readMigrations(platform, definition.store?.migrations).migrations);
        await refuseMoved(store);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }),
  );
  if (problems.length > 0) throw new BootError(problems);
}
