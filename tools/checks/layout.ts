import type { SourceFile } from './source.ts';

export const FRAMEWORK = 'packages/ramet/src/';

/** The framework's folders in their order: each imports only folders above it. */
export const FOLDERS = [
  'platform',
  'errors',
  'contract',
  'telemetry',
  'load',
  'store',
  'bus',
  'security',
  'discovery',
  'rpc',
  'alert',
  'aggregate',
  'projection',
  'saga',
  'service',
  'http',
  'gateway',
  'admin',
  'runtime',
  'simulation',
  'doctor',
] as const;

/** The folders that state a port; each of their sub-folders with an `index.ts` is an adapter. */
export const PORTS: readonly string[] = ['store', 'bus', 'discovery', 'rpc', 'gateway/limits'];

/** The folders of the adapters of one port, or of all. */
export function adaptersOf(files: readonly SourceFile[], ports: readonly string[] = PORTS): string[] {
  return files
    .map((file) => /^(.*\/)index\.ts$/.exec(file.path)?.[1]?.slice(0, -1) ?? '')
    .filter((folder) => {
      const parent = folder.slice(0, Math.max(0, folder.lastIndexOf('/')));
      return ports.some((port) => parent === FRAMEWORK + port);
    });
}

/** The adapter that a file belongs to, if any. */
export function adapterAround(path: string, adapters: readonly string[]): string | undefined {
  return adapters.find((adapter) => path.startsWith(`${adapter}/`));
}
