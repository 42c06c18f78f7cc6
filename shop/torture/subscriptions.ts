import topology from '../topology.ts';

/** Which events each service reacts to, as its own code says: `orders.OrderPlaced` and the like. */
export type Subscriptions = ReadonlyMap<string, ReadonlySet<string>>;

export const SERVICES: readonly string[] = Object.keys(topology.services);

export async function subscriptions(): Promise<Subscriptions> {
  const loaded = await Promise.all(Object.entries(topology.services).map(async ([name, load]) => [name, (await load()).default] as const));
  return new Map(
    loaded.map(([name, { reactions }]) => [name, new Set(reactions.map(({ event }) => `${event.service}.${event.name}`))] as const),
  );
}
