import type { Producer } from '@platformatic/kafka';
import { RametError } from '../../errors/index.ts';
import type { BusEnvironment } from '../factory.ts';
import { type LeasedTarget, leasedTarget } from '../source/leased-target.ts';
import type { RelayProgress } from '../source/relay-progress.ts';
import type { Cluster } from './cluster.ts';
import type { Ending } from './ending.ts';
import { headersOf } from './message.ts';

/**
 * Makes the target of a source's relay: the topics of a cluster. The producer is idempotent, so that events of one key stay in order.
 * @param ending lets go of what is under way: whether it has arrived is unknown then, and it is sent again
 */
export function kafkaTarget(
  environment: BusEnvironment,
  progress: RelayProgress,
  cluster: Cluster,
  producer: Producer,
  ending: Ending,
): LeasedTarget {
  return leasedTarget(environment, progress, cluster.groupOf('kafka'), async (p, rows) => {
    const messages = rows.map(({ pos, type, key, envelope }) => ({
      topic: cluster.topicOf(type),
      key: Buffer.from(key),
      value: Buffer.from(envelope),
      headers: headersOf(p, pos),
    }));
    const topics = [...new Set(messages.map(({ topic }) => topic))];
    await ending.of(cluster.ensure(topics));
    try {
      await ending.of(known(producer, topics));
      await ending.of(producer.send({ messages, acks: -1 }));
    } catch (error) {
      // One of them may have been deleted.
      cluster.forget(topics);
      throw error;
    }
  });
}

/**
 * Refuses topics that the broker does not know yet. A broker that has just started may not know its own topics, and a client that
 * sends to one of those throws where it cannot be caught. What the client knows is cached: this asks no broker twice.
 */
async function known(producer: Producer, topics: string[]): Promise<void> {
  const metadata = await producer.metadata({ topics });
  const missing = topics.filter((topic) => metadata.topics.get(topic)?.partitionsCount === undefined);
  if (missing.length > 0) throw new RametError('Unavailable', `Kafka does not know ${missing.join(', ')} yet`);
}
