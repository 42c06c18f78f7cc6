import type { ConnectionOptions } from '@platformatic/kafka';
import { type Duration, LEASE_MS, SECOND, Settings, type Source, shown, sourced } from '../../platform/index.ts';
import type { Bus, BusCapabilities, Subscription } from '../bus.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox } from '../source/outbox.ts';
import { Pruner } from '../source/pruner.ts';
import { Relay } from '../source/relay.ts';
import { EVENTS_KEPT_MS } from '../tables.ts';
import { asBootError, asUnavailable } from './away.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { Ending } from './ending.ts';
import { KafkaGroup } from './group.ts';
import { kafkaTarget } from './target.ts';

const PARTITIONS = 6;
const BROKER = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;
/** How long events that are under way to brokers may take to arrive when the process ends. */
const ARRIVE_MS = 5 * SECOND;
const CLOSE_MS = 2 * SECOND;

const capabilities: BusCapabilities = { name: 'kafka', shape: 'log', order: 'topic-key', durable: true, remote: true, replay: true };

/** How this process proves to brokers who it is. */
export type KafkaSasl = Omit<NonNullable<ConnectionOptions['sasl']>, 'username' | 'password' | 'token'> & {
  readonly username?: Source;
  readonly password?: Source;
  readonly token?: Source;
};

/** Configures the bus over Kafka. */
export interface KafkaOptions {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  /** Before the names of topics and groups, for shops that share a cluster (default none). */
  readonly prefix?: string;
  /** The topic of a type of event (default: the type itself, `<service>.<event>`). */
  readonly topic?: (type: string) => string;
  /** Partitions of the topics that are created (default 6). Those of a topic that exists are left as they are. */
  readonly partitions?: number;
  /** Replicas of the topics that are created (default: what the brokers say by `default.replication.factor`). */
  readonly replicas?: number;
  /** How long events are kept, in the topics that are created and in the outboxes (default `14d`, as long as an inbox remembers). */
  readonly keep?: Duration;
  /** How long the partitions of a process that is not heard of stay with it (default `15s`). */
  readonly session?: Duration;
  readonly tls?: ConnectionOptions['tls'];
  /** Name, password and token are a text, a secret, or a function each; the last two are resolved at each connection. */
  readonly sasl?: KafkaSasl;
}

/**
 * A bus over Kafka: the processes that host services give the events of their outboxes to topics, keyed and in order, and
 * each subscription is a consumer group. Events of one key are in order within a topic, that is within one type of event.
 * @example
 * const bus = kafka({ brokers: ['kafka-1:9092', 'kafka-2:9092', 'kafka-3:9092'], replicas: 3 });
 * @throws RangeError when there is no broker, or `keep` or `session` is not a duration
 */
export function kafka(options: KafkaOptions): BusFactory {
  const { brokers, prefix = '', topic, keep, session, tls, sasl } = options;
  const given = new Settings('kafka: ');
  if (brokers.length === 0) given.report("'brokers' is empty; name some as 'host:port'");
  for (const broker of brokers)
    if (!BROKER.test(broker)) given.report(`brokers: ${shown(broker)} is not an address: write it as 'host:port'`);
  const partitions = given.count('partitions', options.partitions, PARTITIONS, 1, 10_000);
  const replicas = given.count('replicas', options.replicas, 0, 1, 100);
  const keepMs = given.duration('keep', keep, EVENTS_KEPT_MS, { least: '1m' });
  const sessionMs = given.duration('session', session, LEASE_MS, { least: '1s', most: '1h' });
  given.check();
  const settings: ClusterOptions = {
    brokers,
    prefix,
    topic: topic ?? ((type) => type),
    partitions,
    replicas,
    keepMs,
    connection: { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl: asked(sasl) }) },
  };
  return {
    capabilities,
    topicOf: settings.topic,
    create: (environment) => createBus(environment, settings, { keepMs, sessionMs, oneType: topic === undefined }),
    async check({ platform }) {
      const cluster = new Cluster(platform, settings);
      try {
        return await cluster.weaknesses([]);
      } catch (error) {
        throw asBootError(error);
      } finally {
        await cluster.close();
      }
    },
  };
}

function asked({ username, password, token, ...sasl }: KafkaSasl): NonNullable<ConnectionOptions['sasl']> {
  return {
    ...sasl,
    ...(username === undefined ? {} : { username: () => sourced(username) }),
    ...(password === undefined ? {} : { password: () => sourced(password) }),
    ...(token === undefined ? {} : { token: () => sourced(token) }),
  };
}

function createBus(
  given: BusEnvironment,
  settings: ClusterOptions,
  options: { readonly keepMs: number; readonly sessionMs: number; readonly oneType: boolean },
): Bus {
  const environment: BusEnvironment = { ...given, onError: (error, where) => given.onError(asUnavailable(error), where) };
  const cluster = new Cluster(environment.platform, settings);
  const producer = cluster.producer();
  const outboxes = new Map<string, Outbox>();
  const attached = new Set<{ stop(): Promise<void> }>();
  const groups = new Set<KafkaGroup>();
  const ending = new Ending();
  const { timers } = environment.platform;
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([...groups].map((group) => group.stop()));
    groups.clear();
    const patience = timers.set(ARRIVE_MS, () => ending.end());
    await Promise.all([...attached].map((source) => source.stop()));
    patience.cancel();
    await Promise.race([Promise.allSettled([producer.close(true), cluster.close()]), timers.sleep(CLOSE_MS)]);
  };
  return {
    capabilities,
    attach(outbox) {
      outboxes.set(outbox.service, outbox);
      const detach = () => {
        if (outboxes.get(outbox.service) === outbox) outboxes.delete(outbox.service);
      };
      const { progress, retention } = outbox;
      if (!progress) return { stop: async () => detach() };
      const target = kafkaTarget(environment, progress, cluster, producer, ending);
      const relay = new Relay(environment, outbox, target);
      const through = async (p: number) => (await target.relayed()).get(p) ?? 0;
      const pruner = retention && new Pruner(environment, outbox, retention, { keepMs: options.keepMs, through });
      const source = {
        async stop() {
          attached.delete(source);
          detach();
          await relay.stop();
          await target.release().catch((error: unknown) => environment.onError(error, { doing: 'giving back a relay' }));
          await pruner?.stop();
        },
      };
      attached.add(source);
      return source;
    },
    consume(subscription) {
      const group = new KafkaGroup(environment, cluster, subscription, options);
      groups.add(group);
      return {
        async stop() {
          groups.delete(group);
          await group.stop();
        },
      };
    },
    lag: (subscription) => lagOf(cluster, outboxes, attached.size > 0 ? cluster.groupOf('kafka') : undefined, subscription),
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** What is in the topics, and what is still in the outboxes of this process. */
async function lagOf(
  cluster: Cluster,
  outboxes: ReadonlyMap<string, Outbox>,
  relay: string | undefined,
  { topics, sink }: Subscription,
): Promise<number> {
  let lag = 0;
  const names = [...new Set([...topics].map((type) => cluster.topicOf(type)))];
  await cluster.ensure(names);
  for (const [topic, ends] of await cluster.offsets(names, 'latest'))
    for (const [p, end] of ends.entries()) lag += Math.max(0, Number(end) - (await sink.checkpoint(topic, p)));
  for (const outbox of outboxes.values()) {
    if (relay === undefined || ![...topics].some((type) => type.startsWith(`${outbox.service}.`))) continue;
    const relayed = await outbox.progress?.positions(relay);
    for (const { p, head } of await outbox.ends()) lag += Math.max(0, head - (relayed?.get(p) ?? 0));
  }
  return lag;
}
