import { RametError } from '../../errors/index.ts';
import type { Discovery, DiscoveryCapabilities, DiscoveryFactory, Instance } from '../discovery.ts';
import { parseEndpoint, placeOf } from '../endpoints.ts';

/** What this adapter can do. */
export const capabilities: DiscoveryCapabilities = { name: 'static', registers: false, checks: false, pushes: false };

const NOBODY: readonly Instance[] = [];

/** Where one instance answers: an endpoint, or one for each of its protocols. */
export type StaticAddress = string | readonly string[];

/**
 * Finds processes without a registry: the topology lists where the instances of each service answer. An instance that does not
 * answer stays known, and the breakers of its callers eject it. A changed list needs a new start.
 * @param addresses for each service `host:port`, or `protocol://host:port` where the protocol is not mux; IPv6 in brackets, as
 * in `[::1]:4001`. An instance that answers by several protocols is a list. The system resolves names
 * @throws RangeError naming every address that is malformed, and every one that is listed twice
 * @example staticAddresses({ orders: ['10.0.0.5:4001', ['10.0.0.6:4001', 'http://10.0.0.6:4002']] })
 */
export function staticAddresses(addresses: Readonly<Record<string, readonly StaticAddress[]>>): DiscoveryFactory {
  const problems: string[] = [];
  const known = new Map(
    Object.entries(addresses).map(([service, list]) => [service, list.map((address) => instance(service, address, problems))]),
  );
  for (const [service, list] of known) {
    const ids = list.map(({ id }) => id);
    for (const twice of new Set(ids.filter((id, at) => ids.indexOf(id) !== at)))
      problems.push(`'${twice}' of '${service}' is listed twice`);
  }
  if (problems.length > 0) throw new RangeError(`staticAddresses: ${problems.join('; ')}`);
  return {
    capabilities,
    create: ({ onError }): Discovery => ({
      capabilities,
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

/** The id holds the service too, for one process may answer for several at one address. */
function instance(service: string, address: StaticAddress, problems: string[]): Instance {
  const endpoints = (typeof address === 'string' ? [address] : address).flatMap((text) => {
    const endpoint = parseEndpoint(text);
    if (!endpoint) problems.push(`'${text}' of '${service}' is not an address: write host:port, as in 10.0.0.5:4001`);
    return endpoint ? [endpoint] : [];
  });
  const [first] = endpoints;
  if (typeof address !== 'string' && address.length === 0) problems.push(`an instance of '${service}' has no address`);
  return { id: `${service}@${first ? placeOf(first) : String(address)}`, endpoints };
}
