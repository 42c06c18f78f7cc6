import type { Admin, ConnectionOptions, Consumer, GroupOptions, Producer } from '@platformatic/kafka';
import { peer } from '../../errors/index.ts';
import { HOUR, type Platform, SECOND } from '../../platform/index.ts';
import { EVENT_MAX_BYTES } from '../envelope.ts';

const client = await peer('@platformatic/kafka', 'ramet/bus/kafka', () => import('@platformatic/kafka'));

/** How long the client waits for an answer; longer than any fetch is held open at a broker. */
const ANSWER_MS = 10_000;
/** The largest message: an event with its key beside it, and what Kafka adds. */
const MESSAGE_MAX_BYTES = EVENT_MAX_BYTES + 2 ** 16;
/** How long to wait for a new topic to have leaders, and how often to look. */
const LED_MS = 10 * SECOND;
const LOOK_MS = 50;

/** Configures the cluster of a bus. */
export interface ClusterOptions {
  readonly brokers: readonly string[];
  /** Before the names of topics and groups. */
  readonly prefix: string;
  readonly topic: (type: string) => string;
  readonly partitions: number;
  readonly replicas: number;
  readonly keepMs: number;
  readonly connection: Pick<ConnectionOptions, 'tls' | 'sasl'>;
}

/** The names of a bus on a cluster, and the clients of it. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly #platform: Platform;
  readonly #admin: Admin;
  readonly #offsets: Consumer;
  readonly #known = new Set<string>();
  #creating: Promise<void> = Promise.resolve();

  constructor(platform: Platform, options: ClusterOptions) {
    this.#platform = platform;
    this.options = options;
    this.#admin = new client.Admin(this.#base(3));
    this.#offsets = new client.Consumer({ ...this.#base(1), groupId: `${options.prefix}ramet` });
  }

  topicOf(type: string): string {
    return this.options.prefix + this.options.topic(type);
  }

  groupOf(group: string): string {
    return this.options.prefix + group;
  }

  producer(): Producer {
    return new client.Producer({
      ...this.#base(5),
      retryDelay: 200,
      idempotent: true,
      partitioner: client.compatibilityPartitioner as never,
    });
  }

  /** A client of a group. It does not retry: its user decides what to do first. */
  consumer(group: string, more: GroupOptions & { readonly protocolsMetadata?: () => Promise<Buffer> } = {}): Consumer {
    return new client.Consumer<Buffer, Buffer, Buffer, Buffer>({ ...this.#base(0), groupId: this.groupOf(group), ...more });
  }

  /** Creates the topics that are missing. */
  ensure(topics: readonly string[]): Promise<void> {
    const ensured = this.#creating.then(() => this.#ensure(topics));
    this.#creating = ensured.catch(() => {});
    return ensured;
  }

  /** Forgets that these topics exist, so that the next use looks them up again. */
  forget(topics: readonly string[]): void {
    for (const topic of topics) this.#known.delete(topic);
  }

  /** The first offset that is kept of each partition, or the one behind the last. */
  async offsets(topics: readonly string[], which: 'earliest' | 'latest'): Promise<Map<string, readonly bigint[]>> {
    if (topics.length === 0) return new Map();
    return this.#offsets.listOffsets({
      topics: [...topics],
      timestamp: which === 'earliest' ? client.ListOffsetTimestamps.EARLIEST : client.ListOffsetTimestamps.LATEST,
    });
  }

  /** How many partitions these topics have together, by what the brokers say now. */
  async partitions(topics: readonly string[]): Promise<number> {
    const metadata = await this.#admin.metadata({ topics: [...topics], forceUpdate: true });
    return [...metadata.topics.values()].reduce((count, { partitions }) => count + partitions.length, 0);
  }

  /** What is weaker than an event that was acknowledged needs. */
  async weaknesses(topics: readonly string[]): Promise<string[]> {
    const { brokers } = await this.#admin.metadata({});
    const weaker: string[] = [];
    if (brokers.size < 3)
      weaker.push(
        `the Kafka cluster has ${brokers.size} broker${brokers.size === 1 ? '' : 's'}: events are lost with its disk; run three or more`,
      );
    const existing = new Set(await this.#admin.listTopics());
    const ours = topics.filter((topic) => existing.has(topic));
    if (this.options.replicas > 0 && this.options.replicas < 3)
      weaker.push(`topics of Kafka are created with ${this.options.replicas} replica(s); say replicas: 3`);
    const resources = [
      ...[...brokers.keys()].map((id) => ({ resourceType: 4 as const, resourceName: String(id), configurationKeys: SETTINGS })),
      ...ours.map((topic) => ({ resourceType: 2 as const, resourceName: topic, configurationKeys: SETTINGS })),
    ];
    for (const { resourceType, resourceName, configs } of await this.#admin.describeConfigs({ resources })) {
      const where = resourceType === 4 ? `broker ${resourceName} of Kafka` : `topic '${resourceName}' of Kafka`;
      const value = (name: string) => configs.find((config) => config.name === name)?.value;
      if (Number(value('min.insync.replicas') ?? 2) < 2)
        weaker.push(
          `${where} has min.insync.replicas = ${value('min.insync.replicas')}: an acknowledged event may be on one disk only; set it to 2`,
        );
      if (value('unclean.leader.election.enable') === 'true')
        weaker.push(
          `${where} has unclean.leader.election.enable = true: acknowledged events can be lost when a leader fails; set it to false`,
        );
      if (Number(value('default.replication.factor') ?? 3) < 3 && this.options.replicas < 1)
        weaker.push(`${where} has default.replication.factor = ${value('default.replication.factor')}; set it to 3, or say replicas: 3`);
    }
    const { topics: described } = ours.length > 0 ? await this.#admin.metadata({ topics: ours }) : { topics: new Map() };
    for (const [topic, { partitions }] of described) {
      const replicas = Math.min(...partitions.map((partition: { replicas: number[] }) => partition.replicas.length));
      if (replicas < 3) weaker.push(`topic '${topic}' of Kafka has ${replicas} replica(s): give it 3`);
    }
    return weaker;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#admin.close(), this.#offsets.close(true)]);
  }

  async #ensure(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.#known.has(topic));
    if (unknown.length === 0) return;
    const missing = await this.#missing(unknown);
    const { partitions, replicas, keepMs } = this.options;
    if (missing.length > 0) {
      const configs = [
        { name: 'max.message.bytes', value: String(MESSAGE_MAX_BYTES) },
        { name: 'retention.ms', value: String(Math.max(HOUR, keepMs)) },
      ];
      await this.#admin
        .createTopics({ topics: missing, partitions, replicas: replicas < 1 ? -1 : replicas, configs })
        .catch(async (error: unknown) => {
          // Another process may have created some of them first.
          if (!isOf(error, 'TOPIC_ALREADY_EXISTS')) throw error;
          for (const topic of await this.#missing(missing))
            await this.#admin
              .createTopics({ topics: [topic], partitions, replicas: replicas < 1 ? -1 : replicas, configs })
              .catch((again: unknown) => {
                if (!isOf(again, 'TOPIC_ALREADY_EXISTS')) throw again;
              });
        });
      await this.#led(missing);
    }
    for (const topic of unknown) this.#known.add(topic);
  }

  async #missing(topics: readonly string[]): Promise<string[]> {
    const existing = new Set(await this.#admin.listTopics());
    return topics.filter((topic) => !existing.has(topic));
  }

  /** Resolves when the topics have leaders: it takes a moment until every broker knows of a new one. */
  async #led(topics: string[]): Promise<void> {
    const { clock, timers } = this.#platform;
    const untilMono = clock.monoNow() + LED_MS;
    for (;;) {
      try {
        const metadata = await this.#admin.metadata({ topics, forceUpdate: true });
        if (topics.every((topic) => metadata.topics.get(topic)?.partitions.every(({ leader }) => leader >= 0))) return;
      } catch (error) {
        if (clock.monoNow() > untilMono) throw error;
      }
      if (clock.monoNow() > untilMono) return;
      await timers.sleep(LOOK_MS);
    }
  }

  #base(retries: number) {
    return {
      clientId: 'ramet',
      bootstrapBrokers: [...this.options.brokers],
      timeout: ANSWER_MS,
      connectTimeout: 5_000,
      retries,
      retryDelay: 250,
      ...this.options.connection,
    };
  }
}

const SETTINGS = ['min.insync.replicas', 'unclean.leader.election.enable', 'default.replication.factor'];

/** Whether an error, or one of those that it is made of, is what Kafka calls `id`. */
export function isOf(error: unknown, id: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { apiId, errors, cause } = error as { apiId?: string; errors?: unknown[]; cause?: unknown };
  return apiId === id || (errors ?? []).some((each) => isOf(each, id)) || (cause !== undefined && isOf(cause, id));
}
