import { RametError } from '../../errors/index.ts';
import type { Discovery, DiscoveryCapabilities, DiscoveryFactory, Instance } from '../index.ts';

export const STATIC_CAPABILITIES: DiscoveryCapabilities = { name: 'static', registers: false, checks: false, pushes: false };

const NOBODY: readonly Instance[] = [];

/**
 * Discovery without a registry: the topology says where the instances of each service answer. An instance that does not
 * answer stays known, and the callers' own breakers leave it out; a list that has changed needs a new start.
 * @param addresses for each service `host:port`; IPv6 in brackets, as in `[::1]:4001`. Names are for the system to resolve
 * @throws RangeError naming every address that is none, and every one that stands twice
 */
export function staticAddresses(addresses: Readonly<Record<string, readonly string[]>>): DiscoveryFactory {
  const problems: string[] = [];
  const known = new Map(
    Object.entries(addresses).map(([service, list]) => [service, list.map((address) => instance(service, address, problems))]),
  );
  for (const [service, list] of known) {
    const ids = list.map(({ id }) => id);
    for (const twice of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) problems.push(`'${twice}' of '${service}' stands twice`);
  }
  if (problems.length > 0) throw new RangeError(`staticAddresses: ${problems.join('; ')}`);
  return {
    capabilities: STATIC_CAPABILITIES,
    create: ({ onError }): Discovery => ({
      capabilities: STATIC_CAPABILITIES,
      register: async () => {},
      withdraw: async () => {},
      async follow(services) {
        for (const service of services) {
          if (known.has(service)) continue;
          const detail = `staticAddresses knows no address of '${service}': calls to it fail until the topology names one`;
          onError(new RametError('Unavailable', detail), { discovery: 'static', service });
        }
      },
      instances: (service) => known.get(service) ?? NOBODY,
      close: async () => {},
    }),
  };
}

/** The id is made of the service too, for one process may answer for several at one address. */
function instance(service: string, address: string, problems: string[]): Instance {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]@?#]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535)
    problems.push(`'${address}' of '${service}' is no address: write host:port, as in 10.0.0.5:4001`);
  return { id: `${service}@${address}`, host, port };
}
