import type { GatewayDefinition } from '../gateway/index.ts';
import type { Load } from '../runtime/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { Simulation } from './face.ts';
import { runSetup } from './run.ts';
import type { Disk } from './storage.ts';
import type { System } from './world.ts';

/** A simulation that is ready to run seeds: everything loaded, and the stores filled once. */
export interface Prepared {
  readonly simulation: Simulation;
  readonly definitions: Pick<System, 'services' | 'gateways'>;
  readonly template: Disk;
  dispose(): void;
}

/** Loads the services and gateways of a simulation and fills the stores that every seed begins with. */
export async function prepare(simulation: Simulation): Promise<Prepared> {
  const definitions = {
    services: await loaded<ServiceDefinition>(simulation.topology.services),
    gateways: await loaded<GatewayDefinition>(simulation.topology.gateways),
  };
  const template = await runSetup(simulation, definitions);
  return { simulation, definitions, template, dispose: () => template.remove() };
}

async function loaded<T>(loads: Readonly<Record<string, Load<T>>>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const [name, load] of Object.entries(loads)) found.set(name, (await load()).default);
  return found;
}
