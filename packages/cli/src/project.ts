import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Topology } from 'ramet/runtime';
import { CliError } from './client.ts';

/**
 * A module of the framework as the project in `folder` has it installed: its topology is made of that one.
 * @throws CliError when it has none
 */
export async function fromProject<T>(name: string, folder = process.cwd()): Promise<T> {
  let path: string;
  try {
    path = createRequire(resolve(folder, 'package.json')).resolve(name);
  } catch (error) {
    throw new CliError(
      `'${name}' cannot be found from ${folder} (${(error as Error).message.split('\n')[0]}): run this in the folder of a project`,
    );
  }
  return (await import(pathToFileURL(path).href)) as T;
}

/** The default export of a topology file. @throws CliError when there is none */
export async function loadTopology(file: string): Promise<Topology> {
  let module: { readonly default?: Topology };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as { default?: Topology };
  } catch (error) {
    throw new CliError(`${file} cannot be loaded (${(error as Error).message}): name the topology with --topology`);
  }
  if (!module.default?.services) throw new CliError(`${file} has no topology as its default export`);
  return module.default;
}
