import type { ServiceDefinition } from '../service/index.ts';

/**
 * The circles of services that may ask each other: each begins with the name that comes first, and is the shortest one through it. A
 * service asks another one only for its queries, so that one without any, which is sent commands only, is in none.
 */
export function circlesOf(services: ReadonlyMap<string, ServiceDefinition>): string[][] {
  const asks = new Map<string, readonly string[]>();
  for (const [name, { uses }] of services) {
    const asked = Object.values(uses).flatMap((use) =>
      'contract' in use && use.contract.name !== name && Object.keys(use.contract.queries).length > 0 ? [use.contract.name] : [],
    );
    asks.set(name, [...new Set<string>(asked)].sort());
  }
  const circles = new Map<string, string[]>();
  for (const name of [...asks.keys()].sort()) {
    const circle = shortest(name, asks);
    if (circle) circles.set([...circle].sort().join(' '), circles.get([...circle].sort().join(' ')) ?? circle);
  }
  return [...circles.values()];
}

/** The shortest way from a service back to it. */
function shortest(from: string, asks: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const ways: string[][] = [[from]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way; way = ways.shift()) {
    for (const next of asks.get(way.at(-1) as string) ?? []) {
      if (next === from) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/** Names the services of a circle in the order in which they query each other. */
export const circleText = (circle: readonly string[]): string => [...circle, circle[0]].join(' queries ');
