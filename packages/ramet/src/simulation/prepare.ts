import type { GatewayDefinition } from '../gateway/index.ts';
import type { Load } from '../runtime/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { Simulation } from './face.ts';
import { type PreparedSimulation, runSetup } from './run.ts';
import { Shelf } from './storage.ts';

/** Loads the services and gateways of a simulation and fills the stores that every seed begins with. */
export async function prepare(simulation: Simulation): Promise<PreparedSimulation> {
  const definitions = {
    services: await loaded<ServiceDefinition>(simulation.topology.services),
    gateways: await loaded<GatewayDefinition>(simulation.topology.gateways),
  };
  const shelf = new Shelf();
  try {
    const template = shelf.disk();
    await runSetup(simulation, definitions, template);
    return { simulation, definitions, template, shelf, dispose: () => shelf.remove() };
  } catch (error) {
    shelf.remove();
    throw error;
  }
}

async function loaded<T>(loads: Readonly<Record<string, Load<T>>>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const [name, load] of Object.entries(loads)) found.set(name, (await load()).default);
  return found;
}
