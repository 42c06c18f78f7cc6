import { DAY, type Duration, Settings } from '../../platform/index.ts';
import type { Bus, BusCapabilities, Subscription } from '../bus.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox } from '../outbox.ts';
import { Pruner } from '../pruner.ts';
import { logOf, PartitionReader } from '../reader.ts';

/** Wake-ups are immediate; this is the net under them. */
const POLL_MS = 5_000;
/** How long an event is kept at least that every group has: not less than an inbox remembers. */
const KEEP_MS = 14 * DAY;

const capabilities: BusCapabilities = { name: 'embedded', order: 'key', durable: true, remote: false, replay: true };

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
 * @throws RangeError when `keep` is no duration
 */
export function embedded({ keep }: EmbeddedOptions = {}): BusFactory {
  const settings = new Settings('embedded: ');
  const keepMs = keep === 'forever' ? undefined : settings.duration('keep', keep, KEEP_MS, { least: '1m' });
  settings.check();
  return { capabilities, create: (environment) => createEmbedded(environment, keepMs) };
}

interface Group {
  readonly subscription: Subscription;
  readonly readers: PartitionReader[];
  /** Ends with its readers: from then on nobody asks it anything. */
  readonly leaving: AbortController;
}

const reads = ({ topics }: Subscription, outbox: Outbox): boolean => [...topics].some((topic) => topic.startsWith(`${outbox.service}.`));

function createEmbedded(environment: BusEnvironment, keepMs: number | undefined): Bus {
  const outboxes: Outbox[] = [];
  const groups = new Set<Group>();
  const pruners: Pruner[] = [];
  const join = (group: Group, outbox: Outbox) => {
    const { subscription } = group;
    if (!reads(subscription, outbox)) return;
    const log = logOf(outbox);
    for (let p = 0; p < outbox.partitions; p++)
      group.readers.push(new PartitionReader(environment, { log, p, subscription, pollMs: POLL_MS }));
  };
  return {
    capabilities,
    attach(outbox) {
      outboxes.push(outbox);
      for (const group of groups) if (!group.leaving.signal.aborted) join(group, outbox);
      if (keepMs === undefined || !outbox.retention) return;
      pruners.push(new Pruner(environment, outbox, outbox.retention, { keepMs, through: (p) => settledByAll(outbox, p, groups) }));
    },
    consume(subscription) {
      // It is back.
      for (const group of groups) if (group.leaving.signal.aborted && group.subscription.group === subscription.group) groups.delete(group);
      const group: Group = { subscription, readers: [], leaving: new AbortController() };
      groups.add(group);
      for (const outbox of outboxes) join(group, outbox);
      return {
        async stop() {
          group.leaving.abort();
          await Promise.all(group.readers.map((reader) => reader.stop()));
        },
      };
    },
    async lag(subscription) {
      let lag = 0;
      for (const outbox of outboxes.filter((each) => reads(subscription, each)))
        for (let p = 0; p < outbox.partitions; p++)
          lag += Math.max(0, (await outbox.head(p)) - (await subscription.sink.checkpoint(outbox.service, p)));
      return lag;
    },
    async close() {
      const staying = [...groups].filter(({ leaving }) => !leaving.signal.aborted);
      for (const { leaving } of staying) leaving.abort();
      await Promise.all(pruners.map((pruner) => pruner.stop()));
      await Promise.all(staying.flatMap(({ readers }) => readers.map((reader) => reader.stop())));
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
