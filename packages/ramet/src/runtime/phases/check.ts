import { BootError } from '../../errors/index.ts';
import { createGateway, type GatewayDefinition } from '../../gateway/index.ts';
import { compileUses } from '../../rpc/index.ts';
import { localTransport } from '../../rpc/local/index.ts';
import { checkService, type ServiceDefinition } from '../../service/index.ts';
import { readMigrations } from '../../store/index.ts';
import { circlesOf, circleText } from '../circles.ts';
import { loadAll } from '../load.ts';
import type { PlannedProcess } from './plan.ts';

/** The modules of what a process hosts, loaded and without a known mistake. */
export interface CheckedProcess {
  readonly definitions: ReadonlyMap<string, ServiceDefinition>;
  readonly gateways: ReadonlyMap<string, GatewayDefinition>;
}

/**
 * The second phase of a start: loads the modules of what this process hosts, and looks for mistakes in all of them.
 * @throws BootError with every problem found
 */
export async function checkProcess(planned: PlannedProcess): Promise<CheckedProcess> {
  const { topology, hosts, options, log } = planned;
  const problems = [...planned.problems];
  const definitions = await loadAll('service', topology.services, hosts, problems);
  const gateways = await loadAll('gateway', topology.gateways, hosts, problems);
  problems.push(...foreignProblems(planned));
  for (const [name, definition] of definitions) problems.push(...serviceProblems(planned, name, definition));
  // A gateway reports what is wrong with the contract of a service; where that service is here, it has been reported already.
  for (const [name, definition] of gateways) problems.push(...gatewayProblems(planned, name, definition, new Set(problems)));
  for (const name of Object.keys(options.ports ?? {}))
    if (!gateways.has(name)) problems.push(`a port is given for gateway '${name}', which the topology does not have`);
  if (problems.length > 0) throw new BootError([...new Set(problems)]);
  for (const circle of circlesOf(definitions)) log.event('query_circle', { services: circle }, circleText(circle));
  return { definitions, gateways };
}

type Checked = Pick<PlannedProcess, 'platform' | 'topology' | 'profile' | 'hosts'>;

const nowhere = localTransport(new Map());

const foreignProblems = ({ topology: { services, foreign = [] } }: Checked): string[] =>
  foreign
    .filter((name) => name in services)
    .map((name) => `'${name}' is a service of the topology and 'foreign' too: name it in one of the two`);

/** A bus without a broker carries events within its process: what a service subscribes to must be hosted beside it. */
function busProblems({ profile, topology, hosts }: Checked, name: string, definition: ServiceDefinition): string[] {
  // A profile without a bus is reported already.
  const { remote = true, name: bus } = profile.bus?.capabilities ?? {};
  if (remote || !hosts) return [];
  const events = [...definition.reactions.map(({ event }) => event), ...definition.sagas.flatMap(({ waitsFor }) => waitsFor)];
  const elsewhere = new Set(events.map(({ service }) => service).filter((source) => source in topology.services && !hosts.has(source)));
  return [...elsewhere].map(
    (source) =>
      `service '${name}' subscribes to events of '${source}', which another process hosts, but the bus '${bus}' does not leave its process: name a bus with a broker in the profile, or host both in one process`,
  );
}

function serviceProblems(checked: Checked, name: string, definition: ServiceDefinition): string[] {
  const { platform, topology } = checked;
  const problems = busProblems(checked, name, definition);
  const programs = definition.sagas.flatMap((current) => [current, ...current.previous]);
  if (definition.contract.name !== name)
    problems.push(`service '${name}' of the topology has the contract '${definition.contract.name}'; use one name`);
  problems.push(...checkService(definition));
  problems.push(...compileUses(platform, nowhere, `service '${name}'`, definition.uses).problems);
  for (const saga of programs)
    problems.push(...compileUses(platform, nowhere, `service '${name}', saga '${saga.name}'`, saga.uses).problems);
  problems.push(...readMigrations(platform, definition.store?.migrations).problems.map((problem) => `service '${name}': ${problem}`));
  for (const use of [definition.uses, ...definition.sagas.map((saga) => saga.uses)].flatMap((uses) => Object.values(uses)))
    if ('contract' in use && !(use.contract.name in topology.services))
      problems.push(`service '${name}' uses '${use.contract.name}', which the topology does not have`);
  const hasSource = (service: string) => service in topology.services || (topology.foreign ?? []).includes(service);
  for (const saga of programs)
    for (const event of saga.waitsFor)
      if (!hasSource(event.service))
        problems.push(
          `service '${name}', saga '${saga.name}' waits for '${event.service}.${event.name}', but the topology has no '${event.service}'`,
        );
  for (const { event } of definition.reactions)
    if (!hasSource(event.service))
      problems.push(`service '${name}' reacts to '${event.service}.${event.name}', but the topology has no '${event.service}'`);
  return problems;
}

function gatewayProblems(
  { platform, topology }: Checked,
  name: string,
  definition: GatewayDefinition,
  known: ReadonlySet<string>,
): string[] {
  const own = `gateway '${name}': `;
  const problems = createGateway({ platform, transport: nowhere, log: { child: () => undefined } as never }, definition).problems.filter(
    (problem) => !problem.startsWith(own) || !known.has(problem.slice(own.length)),
  );
  for (const route of definition.routes) {
    if (route.kind === 'expose' && !(route.contract.name in topology.services))
      problems.push(`gateway '${name}' exposes '${route.contract.name}', which the topology does not have`);
    for (const use of route.kind === 'compose' ? Object.values(route.uses) : [])
      if ('contract' in use && !(use.contract.name in topology.services))
        problems.push(
          `gateway '${name}', route '${(route as { route: string }).route}' uses '${use.contract.name}', which the topology does not have`,
        );
  }
  return problems;
}
