import { type Duration, LEASE_MS, type Periodic, Settings, type Source } from '../../platform/index.ts';
import type { Bus, BusCapabilities, Subscription } from '../bus.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox } from '../source/outbox.ts';
import { Pruner } from '../source/pruner.ts';
import { Relay } from '../source/relay.ts';
import { EVENTS_KEPT_MS } from '../tables.ts';
import { BusDatabase } from './database.ts';
import { BusLog } from './log.ts';
import { Membership, sourcesOf } from './members.ts';
import { namesOf, type TableNames } from './schema.ts';

const capabilities: BusCapabilities = { name: 'postgres', shape: 'log', order: 'key', durable: true, remote: true, replay: true };

/** Configures the bus over a PostgreSQL. */
export interface PostgresBusOptions {
  /** How long an event is kept, in the log and in the outbox it came from (default `14d`, as long as an inbox remembers). */
  readonly keep?: Duration;
  /** How long the partitions of a process that is not heard of stay with it (default `15s`); heard of three times as often. */
  readonly lease?: Duration;
  /** The schema of the bus (default `ramet_bus`): shops that share a database have one each. */
  readonly schema?: string;
}

/**
 * A bus over a PostgreSQL: the processes that host services copy their outboxes into a log in a schema of its own, and
 * groups in any process read it there. It may be another database than those of the services, and these may be of any kind.
 * @param url of a session, not of a pooler that shares connections between transactions: it listens. A text, a secret, or a function
 * @example
 * const bus = postgresBus(process.env.BUS_URL, { keep: '30d' });
 * @throws RangeError when `keep` or `lease` is not a duration
 */
export function postgresBus(url: Source, { keep, lease, schema = 'ramet_bus' }: PostgresBusOptions = {}): BusFactory {
  const settings = new Settings('postgresBus: ');
  const keepMs = settings.duration('keep', keep, EVENTS_KEPT_MS, { least: '1m' });
  const leaseMs = settings.duration('lease', lease, LEASE_MS, { least: '300ms', most: '1h' });
  settings.check();
  const names = namesOf(schema);
  return {
    capabilities,
    create: (environment) => createBus(environment, url, names, { keepMs, leaseMs }),
    check: (environment) => checkServer(environment, url, names),
  };
}

function createBus(
  environment: BusEnvironment,
  url: Source,
  names: TableNames,
  { keepMs, leaseMs }: { keepMs: number; leaseMs: number },
): Bus {
  const db = new BusDatabase(environment.platform, url, names);
  const log = new BusLog(db, environment);
  const outboxes = new Map<string, Outbox>();
  const attached = new Set<{ stop(): Promise<void> }>();
  const members = new Set<Membership>();
  db.listen((message) => {
    log.hear(message);
    if (message === undefined || message.startsWith('!')) for (const member of members) member.hear(message?.slice(1));
  });
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([...members].map((member) => member.stop()));
    members.clear();
    await Promise.all([...attached, log].map((part) => part.stop()));
    await db.close();
  };
  return {
    capabilities,
    attach(outbox) {
      outboxes.set(outbox.service, outbox);
      const target = log.target(outbox.service, outbox.partitions);
      const parts: (Relay | Pruner | Periodic)[] = [new Relay(environment, outbox, target)];
      if (outbox.retention)
        parts.push(
          new Pruner(environment, outbox, outbox.retention, { keepMs, through: async (p) => (await target.relayed()).get(p) ?? 0 }),
        );
      parts.push(log.prune(outbox.service, outbox.partitions, keepMs));
      const source = {
        async stop() {
          attached.delete(source);
          if (outboxes.get(outbox.service) === outbox) outboxes.delete(outbox.service);
          await Promise.all(parts.map((part) => part.stop()));
        },
      };
      attached.add(source);
      return source;
    },
    consume(subscription) {
      const member = new Membership(environment, db, log, subscription, leaseMs);
      members.add(member);
      return {
        async stop() {
          members.delete(member);
          await member.stop();
        },
      };
    },
    lag: (subscription) => lagOf(log, outboxes, subscription),
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function lagOf(log: BusLog, outboxes: ReadonlyMap<string, Outbox>, subscription: Subscription): Promise<number> {
  let lag = 0;
  const sources = sourcesOf(subscription);
  const ends = new Map<string, { source: string; p: number; pos: number }>();
  for (const end of await log.ends(sources)) ends.set(`${end.source}/${end.p}`, end);
  for (const source of sources) {
    for (const { p, head } of (await outboxes.get(source)?.ends()) ?? []) ends.set(`${source}/${p}`, { source, p, pos: head });
  }
  for (const { source, p, pos } of ends.values()) lag += Math.max(0, pos - (await subscription.sink.checkpoint(source, p)));
  return lag;
}

/** What a PostgreSQL must have switched on so that an event that it took is not lost with the power. */
const DURABLE: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  full_page_writes: ['on'],
  synchronous_commit: ['on', 'remote_apply', 'remote_write'],
};

async function checkServer({ platform }: BusEnvironment, url: Source, names: TableNames): Promise<string[]> {
  const db = new BusDatabase(platform, url, names);
  try {
    const weaker: string[] = [];
    for (const [name, enough] of Object.entries(DURABLE)) {
      const value = await db.setting(name);
      if (!enough.includes(value))
        weaker.push(
          `the PostgreSQL of the bus has ${name} = ${value}: events that it took can be lost with the power; set it to ${enough[0]}`,
        );
    }
    return weaker;
  } finally {
    await db.close();
  }
}
