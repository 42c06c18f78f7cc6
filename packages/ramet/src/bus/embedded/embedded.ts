import { RametError } from '../../errors/index.ts';
import { type Duration, Settings } from '../../platform/index.ts';
import type { Bus, BusCapabilities, Subscription } from '../bus.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox } from '../source/outbox.ts';
import { logOf, PartitionReader } from '../source/partition-reader.ts';
import { Pruner } from '../source/pruner.ts';
import { EVENTS_KEPT_MS } from '../tables.ts';

/** Wake-ups are immediate; this is the net under them. */
const POLL_MS = 5_000;
/** How long an event is kept at least that every group has: not less than an inbox remembers. */

const capabilities: BusCapabilities = { name: 'embedded', shape: 'log', order: 'key', durable: true, remote: false, replay: true };

/** Configures the bus within one process. */
export interface EmbeddedOptions {
  /**
   * How long events stay that every group has settled, for groups that are new and for readers from outside (default `14d`).
   * `forever` where groups of other processes read these outboxes.
   */
  readonly keep?: Duration | 'forever';
}

/**
 * The bus within one process: the outboxes themselves are the log, and each group reads them in place from its own
 * checkpoint. Nothing is copied, so nothing can be lost on the way. Events are deleted when every group of this process has
 * settled them and they are older than `keep`; a group that is new learns how many it cannot have. While a group has left, as all do
 * when the process ends, nothing is deleted.
 * @example
 * const bus = embedded({ keep: '30d' });
 * @throws RangeError when `keep` is not a duration
 */
export function embedded({ keep }: EmbeddedOptions = {}): BusFactory {
  const settings = new Settings('embedded: ');
  const keepMs = keep === 'forever' ? undefined : settings.duration('keep', keep, EVENTS_KEPT_MS, { least: '1m' });
  settings.check();
  return { capabilities, create: (environment) => createEmbedded(environment, keepMs) };
}

interface Group {
  readonly subscription: Subscription;
  readonly readers: Map<Outbox, readonly PartitionReader[]>;
  /** Aborted when its readers end: after that its progress is not read any more. */
  readonly leaving: AbortController;
}

const readsFrom = ({ topics }: Subscription, service: string): boolean => [...topics].some((topic) => topic.startsWith(`${service}.`));

const reads = (subscription: Subscription, { service }: Outbox): boolean => readsFrom(subscription, service);

const stopReaders = async ({ readers }: Group): Promise<void> => {
  await Promise.all([...readers.values()].flat().map((reader) => reader.stop()));
};

function createEmbedded(environment: BusEnvironment, keepMs: number | undefined): Bus {
  const outboxes = new Map<Outbox, Pruner | undefined>();
  /** Services whose outbox was attached, and is not now. */
  const detached = new Set<string>();
  const groups = new Set<Group>();
  const join = (group: Group, outbox: Outbox) => {
    const { subscription } = group;
    if (!reads(subscription, outbox)) return;
    const log = logOf(outbox);
    const readers = Array.from(
      { length: outbox.partitions },
      (_, p) => new PartitionReader(environment, { log, p, subscription, pollMs: POLL_MS }),
    );
    group.readers.set(outbox, readers);
  };
  const prunerOf = (outbox: Outbox) =>
    keepMs === undefined || !outbox.retention
      ? undefined
      : new Pruner(environment, outbox, outbox.retention, { keepMs, through: (p) => settledByAll(outbox, p, groups) });
  const detach = async (outbox: Outbox) => {
    if (!outboxes.has(outbox)) return;
    const pruner = outboxes.get(outbox);
    outboxes.delete(outbox);
    detached.add(outbox.service);
    const readers = [...groups].flatMap((group) => group.readers.get(outbox) ?? []);
    for (const group of groups) group.readers.delete(outbox);
    await Promise.all([pruner, ...readers].map((part) => part?.stop()));
  };
  return {
    capabilities,
    attach(outbox) {
      detached.delete(outbox.service);
      for (const group of groups) if (!group.leaving.signal.aborted) join(group, outbox);
      outboxes.set(outbox, prunerOf(outbox));
      return { stop: () => detach(outbox) };
    },
    consume(subscription) {
      // It is back.
      for (const group of groups) if (group.leaving.signal.aborted && group.subscription.group === subscription.group) groups.delete(group);
      const group: Group = { subscription, readers: new Map(), leaving: new AbortController() };
      groups.add(group);
      for (const outbox of outboxes.keys()) join(group, outbox);
      return {
        async stop() {
          group.leaving.abort();
          await stopReaders(group);
        },
      };
    },
    async lag(subscription) {
      let lag = 0;
      const gone = [...detached].find((service) => readsFrom(subscription, service));
      if (gone !== undefined) throw new RametError('Unavailable', `the outbox of '${gone}' is detached: start that service again`);
      for (const outbox of [...outboxes.keys()].filter((each) => reads(subscription, each)))
        for (let p = 0; p < outbox.partitions; p++)
          lag += Math.max(0, (await outbox.head(p)) - (await subscription.sink.checkpoint(outbox.service, p)));
      return lag;
    },
    async close() {
      const staying = [...groups].filter(({ leaving }) => !leaving.signal.aborted);
      for (const { leaving } of staying) leaving.abort();
      await Promise.all([...outboxes.values()].map((pruner) => pruner?.stop()));
      await Promise.all(staying.map(stopReaders));
      groups.clear();
    },
  };
}

/** The lowest position that some group has settled; what lies behind it is still needed, also by one that has left and comes back. */
async function settledByAll(outbox: Outbox, p: number, groups: ReadonlySet<Group>): Promise<number> {
  let lowest = await outbox.head(p);
  for (const { subscription, leaving } of groups)
    if (reads(subscription, outbox))
      lowest = Math.min(lowest, await unlessLeft(leaving.signal, () => subscription.sink.settled(outbox.service, p)));
  return lowest;
}

/** What a group answers, or 0 when it leaves before: one that has ended need not answer any more. */
function unlessLeft(signal: AbortSignal, ask: () => Promise<number>): Promise<number> {
  return new Promise((resolve, reject) => {
    const left = () => resolve(0);
    if (signal.aborted) return left();
    signal.addEventListener('abort', left, { once: true });
    ask()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', left));
  });
}
