import topology from '../../app/topology.ts';

/** Which events each subscription takes, as the code of its service says: `orders.OrderPlaced` and the like. */
export type Subscriptions = ReadonlyMap<string, ReadonlySet<string>>;

export const SERVICES: readonly string[] = Object.keys(topology.services);

export async function subscriptions(): Promise<Subscriptions> {
  const loaded = await Promise.all(Object.entries(topology.services).map(async ([name, load]) => [name, (await load()).default] as const));
  const found = new Map<string, Set<string>>();
  for (const [service, { reactions }] of loaded)
    for (const { event, subscription } of reactions) {
      const group = subscription === undefined ? service : `${service}.${subscription}`;
      found.set(group, (found.get(group) ?? new Set()).add(`${event.service}.${event.name}`));
    }
  return found;
}
