import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Topology } from 'ramet/runtime';
import { CliError } from './client.ts';

/**
 * Loads a module of the framework as the project in `folder` has it installed, because the topology of the project uses that one.
 * @throws CliError when the project does not have it
 */
export async function fromProject<T>(name: string, folder = process.cwd()): Promise<T> {
  let path: string;
  try {
    path = createRequire(resolve(folder, 'package.json')).resolve(name);
  } catch (error) {
    throw new CliError(
      `cannot find '${name}' from ${folder} (${(error as Error).message.split('\n')[0]}): run this in the folder of a project`,
    );
  }
  return (await import(pathToFileURL(path).href)) as T;
}

/** Loads the default export of a topology file. @throws CliError when the file does not have one */
export async function loadTopology(file: string): Promise<Topology> {
  let module: { readonly default?: Topology };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as { default?: Topology };
  } catch (error) {
    throw new CliError(`cannot load ${file} (${(error as Error).message}): name the topology with --topology`);
  }
  if (!module.default?.services)
    throw new CliError(`${file} does not export a topology as its default: add \`export default topology({ … })\``);
  return module.default;
}
