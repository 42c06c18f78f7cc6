import type { BusCapabilities, Subscription } from './bus.ts';
import type { PoisonPolicy } from './consumer/options.ts';

/** What a subscription needs that its bus does not have. */
export interface UnmetDemands {
  /** The subscription cannot work on this bus. */
  readonly refused: readonly string[];
  /** It works, without a promise that it may rely on. */
  readonly weaker: readonly string[];
}

/**
 * Compares what a subscription needs of a bus with the capabilities of the bus. Each text says what is missing and what to do.
 * @param topicOf the topic of a type of event, where the bus keeps the order of a key within a topic only
 */
export function unmetDemands(
  { name: bus, shape, order }: BusCapabilities,
  { group, topics, poison, sink }: Pick<Subscription, 'group' | 'topics' | 'sink'> & { readonly poison: PoisonPolicy },
  topicOf: (type: string) => string = (type) => type,
): UnmetDemands {
  const refused: string[] = [];
  const weaker: string[] = [];
  if (shape === 'queue' && !sink.queue)
    refused.push(`subscription '${group}' needs the positions of its events, and bus '${bus}' is a queue: name a bus that is a log`);
  // Under this policy events of a key may overtake each other on any bus.
  if (poison === 'skip') return { refused, weaker };
  if (order === 'none')
    weaker.push(
      `subscription '${group}' has the policy '${poison}', and bus '${bus}' keeps no order: name a bus that does, or set poison: 'skip'`,
    );
  if (order === 'topic-key')
    for (const [source, types] of bySource(topics))
      if (new Set(types.map(topicOf)).size > 1)
        weaker.push(
          `subscription '${group}' takes ${types.length} types of event of '${source}' (${types.join(', ')}), and bus '${bus}' keeps the order of a key within one topic only: give these types one topic, or write reactions that accept any order`,
        );
  return { refused, weaker };
}

function bySource(topics: ReadonlySet<string>): Map<string, string[]> {
  return Map.groupBy([...topics].sort(), (type) => type.slice(0, type.indexOf('.')));
}
