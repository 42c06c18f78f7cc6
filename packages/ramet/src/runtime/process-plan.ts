import { BootError } from '../errors/index.ts';
import { shown } from '../platform/index.ts';
import { failBoot } from './boot-wait.ts';
import type { Profile, Topology } from './topology.ts';
import { isTopology, profileProblems, topologyProblems } from './topology-problems.ts';

/** What the topology makes of a process. */
export interface Plan {
  readonly profile: Profile;
  /** The services and gateways that it hosts; undefined hosts all. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** The name of this process; undefined where one process hosts all, or a host list was given. */
  readonly process: string | undefined;
}

/**
 * Chooses the profile and the process.
 * @param options.profile default: `monolith`, or the first one
 * @param options.hosts services and gateways, instead of a process of the profile
 * @param found problems with the options, which an error names too; problems that the rest of the check can live with are added to them
 * @throws BootError with every problem of the profile
 */
export async function planOf(
  topology: Topology,
  options: { readonly profile?: string | undefined; readonly process?: string | undefined; readonly hosts?: readonly string[] | undefined },
  found: string[] = [],
): Promise<Plan> {
  if (!isTopology(topology)) throw new BootError([...found, `the topology is ${shown(topology)}: write start(topology({ … }))`]);
  found.push(...topologyProblems(topology));
  if (Object.keys(topology.profiles).length === 0) throw new BootError(found);
  const name = options.profile ?? ('monolith' in topology.profiles ? 'monolith' : (Object.keys(topology.profiles)[0] as string));
  const named = topology.profiles[name];
  if (!named)
    throw new BootError([
      ...found,
      `profile '${name}' is not in the topology; it has ${Object.keys(topology.profiles).join(', ') || 'none'}`,
    ]);
  const profile = typeof named === 'function' ? await made(name, named, found) : named;
  found.push(...profileProblems(name, profile));
  if (typeof profile !== 'object' || profile === null) throw new BootError(found);
  const { processes } = profile;
  const problems: string[] = [];
  const known = (part: string) => part in topology.services || part in topology.gateways;
  for (const part of options.hosts ?? []) if (!known(part)) problems.push(`'hosts' names '${part}', which the topology does not have`);
  if (!processes) {
    if (options.process !== undefined)
      problems.push(`'process' is '${options.process}', but profile '${name}' is one process; remove the option`);
    if (problems.length > 0) throw new BootError([...found, ...problems]);
    return { profile, hosts: options.hosts && new Set(options.hosts), process: undefined };
  }
  const processOf = new Map<string, string>();
  for (const [process, parts] of Object.entries(processes)) {
    for (const part of parts) {
      const other = processOf.get(part);
      if (!known(part)) problems.push(`profile '${name}', process '${process}' hosts '${part}', which the topology does not have`);
      else if (other !== undefined)
        problems.push(
          `profile '${name}': '${part}' is in the processes '${other}' and '${process}'; name it once, and run its process twice if you want two`,
        );
      processOf.set(part, process);
    }
  }
  for (const part of [...Object.keys(topology.services), ...Object.keys(topology.gateways)])
    if (!processOf.has(part)) problems.push(`profile '${name}': no process hosts '${part}'; name it in 'processes'`);
  for (const part of Object.keys(topology.services))
    if (part in topology.gateways)
      problems.push(`'${part}' is a service and a gateway; their callers could not be distinguished: rename one`);
  const transports = Array.isArray(profile.transports) ? (profile.transports as Profile['transports']) : undefined;
  if (profile.transports === undefined || transports?.length === 0)
    problems.push(`profile '${name}' has several processes; name the 'transports' between them`);
  if (!profile.discovery) problems.push(`profile '${name}' has several processes; name the 'discovery' between them`);
  const protocols = (transports ?? []).flatMap((transport) => transport?.capabilities?.name ?? []);
  for (const twice of new Set(protocols.filter((protocol, at) => protocols.indexOf(protocol) !== at)))
    problems.push(`profile '${name}' names the transport '${twice}' twice; remove one`);
  if (profile.admin !== undefined && !(profile.admin in processes))
    problems.push(`profile '${name}': 'admin' is '${profile.admin}', which is none of its processes`);
  const chosen = options.process === undefined ? undefined : processes[options.process];
  if (options.process === undefined && options.hosts === undefined)
    problems.push(`profile '${name}' has several processes; say which one this is: ${Object.keys(processes).join(', ')}`);
  else if (options.process !== undefined && chosen === undefined)
    problems.push(`profile '${name}' has no process '${options.process}'; it has ${Object.keys(processes).join(', ')}`);
  if (problems.length > 0) throw new BootError([...found, ...problems]);
  return { profile, hosts: new Set(options.hosts ?? chosen), process: options.process };
}

/** @throws BootError when an adapter refuses an option that the profile gives it */
async function made(name: string, profile: () => Profile | Promise<Profile>, found: readonly string[]): Promise<Profile> {
  try {
    return await profile();
  } catch (error) {
    if (error instanceof RangeError) throw new BootError([...found, `profile '${name}': ${error.message}`]);
    // An adapter's own error, such as a client library that is missing, becomes a problem of the boot too.
    return failBoot(error);
  }
}
