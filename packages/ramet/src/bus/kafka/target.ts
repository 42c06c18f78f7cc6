import type { Producer } from '@platformatic/kafka';
import { RametError } from '../../errors/index.ts';
import { SECOND } from '../../platform/index.ts';
import type { BusEnvironment } from '../factory.ts';
import type { RelayTarget } from '../source/relay.ts';
import type { RelayClaim, RelayProgress } from '../source/relay-progress.ts';
import type { Cluster } from './cluster.ts';
import type { Ending } from './ending.ts';

/** How long the partitions of an outbox stay with a relay that is not heard of. */
const LEASE_MS = 15 * SECOND;
/** A lease that ends sooner than this is taken anew before anything is published. */
const RENEW_MS = 5 * SECOND;

interface Held extends RelayClaim {
  readonly untilMono: number;
}

/**
 * Where the relay of a source brings its events: the topics of a cluster. How far it has come stands in the store of the
 * source. One batch is under way at a time, with an idempotent producer, so that events of one key stay in order; one that
 * failed is sent again as a whole.
 * @param ending lets go of what is under way: whether it has arrived is not known then, and it is sent again
 */
export function kafkaTarget(
  environment: BusEnvironment,
  progress: RelayProgress,
  cluster: Cluster,
  producer: Producer,
  ending: Ending,
): RelayTarget & { release(): Promise<void> } {
  const { platform, owner } = environment;
  const relay = cluster.groupOf('kafka');
  const held = new Map<number, Held>();

  const claim = async (p: number): Promise<Held | undefined> => {
    const known = held.get(p);
    const nowMono = platform.clock.monoNow();
    if (known && known.untilMono - nowMono > RENEW_MS) return known;
    const taken = await progress.claim(relay, p, owner, LEASE_MS);
    if (!taken) {
      held.delete(p);
      return undefined;
    }
    const mine = { ...taken, untilMono: nowMono + LEASE_MS };
    held.set(p, mine);
    return mine;
  };
  const advance = async (p: number, mine: Held, pos: number): Promise<number | undefined> => {
    const untilMono = platform.clock.monoNow() + LEASE_MS;
    if (await progress.advance(relay, p, mine, pos, LEASE_MS)) {
      held.set(p, { epoch: mine.epoch, pos, untilMono });
      return pos;
    }
    held.delete(p);
    return undefined;
  };

  return {
    open: async () => {},
    relayed: () => progress.positions(relay),
    end: async (p) => (await claim(p))?.pos,
    beginAt: async (p, pos) => {
      const mine = await claim(p);
      if (mine) await advance(p, mine, pos);
    },
    async add(p, after, rows) {
      const mine = await claim(p);
      if (mine === undefined || mine.pos !== after) return mine?.pos;
      const messages = rows.map(({ type, key, envelope }) => ({
        topic: cluster.topicOf(type),
        key: Buffer.from(key),
        value: Buffer.from(envelope),
      }));
      const topics = [...new Set(messages.map(({ topic }) => topic))];
      await ending.of(cluster.ensure(topics));
      try {
        await ending.of(known(producer, topics));
        await ending.of(producer.send({ messages, acks: -1 }));
      } catch (error) {
        // Somebody may have deleted one of them.
        cluster.forget(topics);
        throw error;
      }
      return advance(p, mine, after + rows.length);
    },
    async release() {
      if (held.size === 0) return;
      held.clear();
      await progress.release(relay, owner);
    },
  };
}

/**
 * A broker that has just come up may not know its own topics yet, and a client that sends to one of those throws where nobody
 * can catch it. What it has been told stands in its cache: this asks nobody twice.
 */
async function known(producer: Producer, topics: string[]): Promise<void> {
  const metadata = await producer.metadata({ topics });
  const missing = topics.filter((topic) => metadata.topics.get(topic)?.partitionsCount === undefined);
  if (missing.length > 0) throw new RametError('Unavailable', `Kafka does not know ${missing.join(', ')} yet`);
}
