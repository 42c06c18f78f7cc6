import type { Platform } from '../../platform/index.ts';
import { FRAMEWORK_TABLES, type ServiceDefinition } from '../../service/index.ts';
import { migrate, readMigrations, refuseMoved, type Store, type StoreEnvironment, type StoreFactory } from '../../store/index.ts';
import type { BootWait } from '../boot-wait.ts';

/** Where the stores of a process come from. */
export interface StoreSource {
  readonly platform: Platform;
  readonly factory: StoreFactory;
  readonly environment: StoreEnvironment;
}

/**
 * Opens and migrates the store of a service. Each step is idempotent, so it is repeated while the store is unavailable: a
 * migration whose COMMIT was cut is looked up before it runs again. A store that cannot be used is closed.
 * @throws RametError, for example StoreUnavailable or Moved
 */
export async function openStore(
  { platform, factory, environment }: StoreSource,
  definition: ServiceDefinition,
  wait: BootWait,
): Promise<Store> {
  const { name } = definition.contract;
  const what = `the store of '${name}'`;
  const { migrations } = readMigrations(platform, definition.store?.migrations);
  const store = await wait.until(what, () => factory.open(name, environment));
  try {
    await wait.until(`the migrations of '${name}'`, () => migrate(store, platform, FRAMEWORK_TABLES, migrations));
    await wait.until(what, () => refuseMoved(store));
    return store;
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
}
