import type { ServiceDefinition } from 'ramet';
import { embedded } from 'ramet/embedded';
import { realPlatform } from 'ramet/platform';
import { type Runtime, type StartOptions, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/sqlite';

type Gateways = NonNullable<Parameters<typeof topology>[0]['gateways']>;
type Store = ReturnType<typeof sqlite>;

/** Starts services in one process, on SQLite if nothing else is said, as a shop is started: nothing is switched off but the log's text. */
export function startRamet(
  services: Readonly<Record<string, ServiceDefinition>>,
  options: StartOptions & {
    folder: string;
    gateways?: Gateways;
    onPoint?: (site: string) => undefined;
    /** Where the services keep their rows (default SQLite in `folder`). */
    store?: Store;
    /** Looks at what is written. */
    around?: (store: Store) => Store;
  },
): Promise<Runtime> {
  const { folder, gateways, onPoint, store = sqlite(folder), around, ...rest } = options;
  return start(
    topology({
      services,
      ...(gateways ? { gateways } : {}),
      profiles: { monolith: { store: around ? around(store) : store, bus: embedded() } },
    }),
    { name: 'bench', logLevel: 'warn', ...(onPoint ? { platform: realPlatform({ onPoint }) } : {}), ...rest },
  );
}
