import { LEASE_MS, SECOND } from '../../platform/index.ts';
import type { BusEnvironment } from '../factory.ts';
import type { OutboxRow } from './outbox.ts';
import type { RelayTarget } from './relay.ts';
import type { RelayClaim, RelayProgress } from './relay-progress.ts';

/** A lease that ends sooner than this is renewed before anything is published. */
const RENEW_MS = 5 * SECOND;

interface Leased extends RelayClaim {
  readonly untilMono: number;
}

/** Is the target of a relay whose progress is kept by the store of the source. */
export interface LeasedTarget extends RelayTarget {
  /** Leaves the partitions of this process to others. */
  release(): Promise<void>;
}

/**
 * Makes the target of a relay from a broker that does not say which events it has. The store of the source keeps that, and a lease
 * says which process publishes a partition. One batch of a partition is under way at a time; one that failed is sent again as a whole.
 * @param relay the name of the broker in the store of the source
 * @param send publishes events of partition `p` in their order; durable when it resolves
 */
export function leasedTarget(
  { platform, owner }: BusEnvironment,
  progress: RelayProgress,
  relay: string,
  send: (p: number, rows: readonly OutboxRow[]) => Promise<void>,
): LeasedTarget {
  const leased = new Map<number, Leased>();

  const claim = async (p: number): Promise<Leased | undefined> => {
    const known = leased.get(p);
    const nowMono = platform.clock.monoNow();
    if (known && known.untilMono - nowMono > RENEW_MS) return known;
    const taken = await progress.claim(relay, p, owner, LEASE_MS);
    if (!taken) {
      leased.delete(p);
      return undefined;
    }
    const mine = { ...taken, untilMono: nowMono + LEASE_MS };
    leased.set(p, mine);
    return mine;
  };
  const advance = async (p: number, mine: Leased, pos: number): Promise<number | undefined> => {
    const untilMono = platform.clock.monoNow() + LEASE_MS;
    if (await progress.advance(relay, p, mine, pos, LEASE_MS)) {
      leased.set(p, { epoch: mine.epoch, pos, untilMono });
      return pos;
    }
    leased.delete(p);
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
      await send(p, rows);
      return advance(p, mine, after + rows.length);
    },
    async release() {
      if (leased.size === 0) return;
      leased.clear();
      await progress.release(relay, owner);
    },
  };
}
