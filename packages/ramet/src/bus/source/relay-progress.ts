import type { Store } from '../../store/index.ts';

/** The progress of a relay in a partition, and the epoch under which it owns it. */
export interface RelayClaim {
  readonly pos: number;
  readonly epoch: number;
}

/**
 * The progress of publishing an outbox to a broker that does not keep it. It is written down in the store of the outbox. One
 * replica at a time owns a partition, under a lease and an epoch.
 */
export interface RelayProgress {
  /** Takes partition `p`, or keeps it. @returns undefined while another process has it */
  claim(relay: string, p: number, owner: string, leaseMs: number): Promise<RelayClaim | undefined>;
  /** Writes down that everything up to `pos` has been given. @returns false when another process has the partition now */
  advance(relay: string, p: number, claim: RelayClaim, pos: number, leaseMs: number): Promise<boolean>;
  /** Leaves the partitions of `owner` to others. */
  release(relay: string, owner: string): Promise<void>;
  /** Up to where each partition has been given of which some was. */
  positions(relay: string): Promise<ReadonlyMap<number, number>>;
}

/** The progress of relays in a store. */
export function progressOf(store: Store): RelayProgress {
  // Where one process has the store, it continues at once where its predecessor stopped.
  const free = store.capabilities.shared
    ? 'where ramet_relays.lease_until <= ramet_now() or ramet_relays.owner is null or ramet_relays.owner = excluded.owner'
    : '';
  return {
    async claim(relay, p, owner, leaseMs) {
      const row = await store.write(
        (tx) =>
          tx.get<{ pos: number; epoch: number }>(
            `insert into ramet_relays (relay, p, owner, epoch, lease_until) values (?, ?, ?, 1, ramet_now() + ?)
             on conflict (relay, p) do update set owner = excluded.owner, epoch = ramet_relays.epoch + 1, lease_until = excluded.lease_until
             ${free} returning pos, epoch`,
            relay,
            p,
            owner,
            leaseMs,
          ),
        { name: `${relay} relay` },
      );
      return row && { pos: Number(row.pos), epoch: Number(row.epoch) };
    },
    async advance(relay, p, { epoch }, pos, leaseMs) {
      const rows = await store.write(
        (tx) =>
          tx.run(
            'update ramet_relays set pos = ?, lease_until = ramet_now() + ? where relay = ? and p = ? and epoch = ? and pos <= ?',
            pos,
            leaseMs,
            relay,
            p,
            epoch,
            pos,
          ),
        { name: `${relay} relay` },
      );
      return rows > 0;
    },
    async release(relay, owner) {
      await store.write(
        (tx) => tx.run('update ramet_relays set owner = null, lease_until = 0 where relay = ? and owner = ?', relay, owner),
        {
          name: `${relay} relay`,
        },
      );
    },
    async positions(relay) {
      const rows = await store.reader.all<{ p: number; pos: number }>('select p, pos from ramet_relays where relay = ?', relay);
      return new Map(rows.map(({ p, pos }) => [Number(p), Number(pos)]));
    },
  };
}
