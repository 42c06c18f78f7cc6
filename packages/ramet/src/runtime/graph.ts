import { BootError } from '../errors/index.ts';
import type { GatewayDefinition } from '../gateway/index.ts';
import { shown } from '../platform/index.ts';
import type { Uses } from '../rpc/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import { loadAll } from './load.ts';
import type { Topology } from './topology.ts';
import { isTopology, topologyProblems } from './topology-problems.ts';

/** The declared calls: for each service and gateway the services that it uses. Plain data, in the order of names. */
export type Graph = Readonly<Record<string, readonly string[]>>;

/**
 * Makes the declared graph of services and gateways: the one source of allow-lists, network policies and diagrams. Every service
 * uses itself, because it may send commands to itself and its sagas may call it.
 */
export function graphOf(services: ReadonlyMap<string, ServiceDefinition>, gateways: ReadonlyMap<string, GatewayDefinition>): Graph {
  const graph: [string, string[]][] = [];
  for (const [name, definition] of services) {
    const sagas = definition.sagas.flatMap((saga) => [saga, ...saga.previous]);
    graph.push([name, namesOf([name], ...[definition, ...sagas].map(({ uses }) => targetsOf(uses)))]);
  }
  for (const [name, { routes, authenticate }] of gateways) {
    const targets = routes.map((route) =>
      route.kind === 'expose' ? [route.contract.name] : route.kind === 'compose' ? targetsOf(route.uses) : [],
    );
    const keys = authenticate?.keys;
    graph.push([name, namesOf(...targets, keys && typeof keys === 'object' && 'service' in keys ? [keys.service] : [])]);
  }
  return Object.fromEntries(graph.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const targetsOf = (uses: Uses): string[] => Object.values(uses).flatMap((use) => ('contract' in use ? [use.contract.name] : []));

const namesOf = (...names: readonly string[][]): string[] => [...new Set(names.flat())].sort();

/**
 * Loads every service and gateway of a topology, starts none, and makes the declared graph.
 * @throws BootError with everything that cannot be loaded
 */
export async function declaredGraph(topology: Topology): Promise<Graph> {
  if (!isTopology(topology)) throw new BootError([`the topology is ${shown(topology)}: write declaredGraph(topology({ … }))`]);
  const problems = topologyProblems(topology);
  const services = await loadAll('service', topology.services, undefined, problems);
  const gateways = await loadAll('gateway', topology.gateways, undefined, problems);
  if (problems.length > 0) throw new BootError(problems);
  return graphOf(services, gateways);
}
