import type { ServiceDefinition } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { realPlatform } from 'ramet/platform';
import { type Runtime, type StartOptions, start, topology } from 'ramet/runtime';
import { postgres, provision } from 'ramet/store/postgres';
import { sqlite } from 'ramet/store/sqlite';

type Gateways = NonNullable<Parameters<typeof topology>[0]['gateways']>;
type Store = ReturnType<typeof sqlite>;
type Bus = ReturnType<typeof embedded>;

/** Starts services in one process, on SQLite if nothing else is said, as a shop is started: nothing is switched off but the log's text. */
export function startRamet(
  services: Readonly<Record<string, ServiceDefinition>>,
  options: StartOptions & {
    folder: string;
    gateways?: Gateways;
    onPoint?: (site: string) => undefined;
    /** Where the services keep their rows (default SQLite in `folder`). */
    store?: Store;
    /** What carries the events (default `embedded`). */
    bus?: Bus;
    /** Looks at what is written. */
    around?: (store: Store) => Store;
  },
): Promise<Runtime> {
  const { folder, gateways, onPoint, store = sqlite(folder), bus = embedded(), around, ...rest } = options;
  return start(
    topology({
      services,
      ...(gateways ? { gateways } : {}),
      profiles: { monolith: { store: around ? around(store) : store, bus } },
    }),
    { name: 'bench', logLevel: 'warn', ...(onPoint ? { platform: realPlatform({ onPoint }) } : {}), ...rest },
  );
}

/** Stores on a PostgreSQL, a role and a schema for each service, and the URL of a role for a bus there. Names begin with `tag`. */
export async function storesOnPostgres(
  server: string | undefined,
  tag: string,
  services: readonly string[],
): Promise<{ readonly store: Store; readonly bus: string }> {
  const { urls } = await provision(server as string, { services, prefix: `${tag}${process.pid}_` });
  return { store: postgres((service) => urls[service] as string, { connections: 16 }), bus: urls['bus'] as string };
}
