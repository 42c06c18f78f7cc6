import { createGateway, type GatewayDefinition } from '../gateway/index.ts';
import type { Platform } from '../platform/index.ts';
import { compileUses } from '../rpc/index.ts';
import { localTransport } from '../rpc/local/index.ts';
import { checkService, type ServiceDefinition } from '../service/index.ts';
import { readMigrations } from '../store/index.ts';
import { shapeProblems } from './shapes.ts';
import type { Load, Topology } from './topology.ts';

/** Loads the modules of what this process hosts. */
export async function loadAll<T>(
  what: string,
  loads: Readonly<Record<string, Load<T>>>,
  hosts: ReadonlySet<string> | undefined,
  problems: string[],
): Promise<Map<string, T>> {
  const wanted = Object.entries(loads).filter(([name]) => hosts?.has(name) ?? true);
  const loaded = await Promise.all(
    wanted.map(async ([name, load]): Promise<[string, T] | undefined> => {
      try {
        const module = await load();
        if (module.default === undefined)
          problems.push(`${what} '${name}': its module has no default export; write 'export default ${what}(…)'`);
        else {
          const wrong = shapeProblems(what, name, module.default);
          if (wrong.length === 0) return [name, module.default];
          problems.push(...wrong);
        }
      } catch (error) {
        problems.push(`${what} '${name}' cannot be loaded: ${(error as Error).message}${placeOf(error)}`);
      }
      return undefined;
    }),
  );
  return new Map(loaded.filter((entry) => entry !== undefined));
}

/** Where a module that cannot be loaded is wrong, as its error says it: the first place in a file of the project. */
function placeOf(error: unknown): string {
  const places = ((error as Error)?.stack ?? '').matchAll(/(?:file:\/\/|[\s(]|^)((?:\/|[A-Z]:[\\/])[^\s():]*):(\d+)/gm);
  for (const [, file = '', line] of places) if (!/[\\/]node_modules[\\/]/.test(file)) return ` (${file}:${line})`;
  return '';
}

/** Everything that is wrong with what this process hosts, found without starting it. */
export function checkAll(
  platform: Platform,
  topology: Topology,
  definitions: Map<string, ServiceDefinition>,
  gateways: Map<string, GatewayDefinition>,
  ports: Readonly<Record<string, number>>,
  problems: string[],
): void {
  const nowhere = localTransport(new Map());
  const services = new Set(Object.keys(topology.services));
  const sources = new Set([...services, ...(topology.foreign ?? [])]);
  for (const name of topology.foreign ?? [])
    if (services.has(name)) problems.push(`'${name}' is a service of the topology and 'foreign' too: leave out one`);
  for (const [name, definition] of definitions) {
    if (definition.contract.name !== name)
      problems.push(`service '${name}' of the topology has the contract '${definition.contract.name}'; use one name`);
    problems.push(...checkService(definition));
    problems.push(...compileUses(platform, nowhere, `service '${name}'`, definition.uses).problems);
    for (const saga of definition.sagas.flatMap((current) => [current, ...current.previous]))
      problems.push(...compileUses(platform, nowhere, `service '${name}', saga '${saga.name}'`, saga.uses).problems);
    problems.push(...readMigrations(platform, definition.store?.migrations).problems.map((problem) => `service '${name}': ${problem}`));
    const uses = [...Object.entries(definition.uses), ...definition.sagas.flatMap((saga) => Object.entries(saga.uses))];
    for (const [, use] of uses) {
      if ('contract' in use && !services.has(use.contract.name))
        problems.push(`service '${name}' uses '${use.contract.name}', which the topology does not have`);
    }
    for (const saga of definition.sagas.flatMap((current) => [current, ...current.previous])) {
      for (const event of saga.waitsFor) {
        if (!sources.has(event.service))
          problems.push(
            `service '${name}', saga '${saga.name}' waits for '${event.service}.${event.name}', but the topology has no '${event.service}'`,
          );
      }
    }
    for (const { event } of definition.reactions) {
      if (!sources.has(event.service))
        problems.push(`service '${name}' reacts to '${event.service}.${event.name}', but the topology has no '${event.service}'`);
    }
  }
  for (const [name, definition] of gateways) {
    const own = `gateway '${name}': `;
    const wrong = createGateway({ platform, transport: nowhere, log: { child: () => undefined } as never }, definition).problems;
    // Of a contract whose service is here too everything has been said.
    problems.push(...wrong.filter((problem) => !problem.startsWith(own) || !problems.includes(problem.slice(own.length))));
    for (const route of definition.routes) {
      if (route.kind === 'expose' && !services.has(route.contract.name))
        problems.push(`gateway '${name}' exposes '${route.contract.name}', which the topology does not have`);
      for (const use of route.kind === 'compose' ? Object.values(route.uses) : [])
        if ('contract' in use && !services.has(use.contract.name))
          problems.push(
            `gateway '${name}', route '${(route as { route: string }).route}' uses '${use.contract.name}', which the topology does not have`,
          );
    }
  }
  for (const name of Object.keys(ports))
    if (!gateways.has(name)) problems.push(`a port is given for gateway '${name}', which the topology does not have`);
}
