import { LEASE_MS } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { type SagaRow, sagaOf } from './journal.ts';

/*
 * `lease_until` says until when no other process may claim an open saga: the owner's lease, or the wake-up time of a saga without
 * an owner. An operator, a cancellation and an awaited event set it to 0.
 */

/** Leases renewed in one statement. */
const RENEW_AT_ONCE = 200;
const RENEW_PLACES = Array(RENEW_AT_ONCE).fill('?').join(', ');

/**
 * Returns the open sagas that this owner may claim or owns already, without suspects. It takes two look-ups, so that sleeping sagas
 * cost nothing.
 * @param adoptAll includes the sagas of other owners, because no other owner is left
 * @param limit how many of each kind
 */
export async function claimable(store: Store, owner: string, adoptAll: boolean, limit: number): Promise<string[]> {
  const rows = await store.reader.all<{ id: string }>(
    `select id from (select id from ramet_sagas where state in ('RUNNING', 'COMPENSATING') and lease_until <= ramet_now() and crashes = 0
       order by lease_until limit ?) as due
     union all
     select id from (select id from ramet_sagas where state in ('RUNNING', 'COMPENSATING')
       and ${adoptAll ? 'owner is not null' : 'owner = ?'} and crashes = 0 limit ?) as own`,
    limit,
    ...(adoptAll ? [] : [owner]),
    limit,
  );
  return [...new Set(rows.map(({ id }) => id))];
}

/** A saga during whose last runs the process crashed. */
export interface Suspect {
  readonly id: string;
  readonly crashes: number;
}

/** Returns the suspects that may be claimed, those with the fewest crashes first. */
export function suspects(store: Store, owner: string, adoptAll: boolean, limit: number): Promise<Suspect[]> {
  return store.reader.all<Suspect>(
    `select id, crashes from ramet_sagas where crashes > 0 and state in ('RUNNING', 'COMPENSATING')
       and (lease_until <= ramet_now() or owner = ? ${adoptAll ? 'or owner is not null' : ''}) order by crashes, id limit ?`,
    owner,
    limit,
  );
}

/** Claims a saga, under a new epoch. If its last owner has not given it back, that counts as a crash. @returns undefined if another process owns it, or no process may own it now */
export async function claim(store: Store, owner: string, adoptAll: boolean, id: string): Promise<SagaRow | undefined> {
  const row = await store.write((tx) =>
    tx.get<Record<string, string | number | null>>(
      `update ramet_sagas set owner = ?, epoch = epoch + 1, version = version + 1, lease_until = ramet_now() + ?,
         crashes = case when owner is null or lease_until = 0 then 0 when owner = ? then crashes else crashes + 1 end
       where id = ? and state in ('RUNNING', 'COMPENSATING') and (lease_until <= ramet_now() or owner = ? or (? = 1 and owner is not null))
       returning *`,
      owner,
      LEASE_MS,
      owner,
      id,
      owner,
      adoptAll ? 1 : 0,
    ),
  );
  return row && sagaOf(row);
}

/** Renews the leases of the owner. @returns the epoch of each saga that it still owns */
export async function renew(store: Store, owner: string, ids: readonly string[]): Promise<Map<string, number>> {
  const epochs = new Map<string, number>();
  for (let from = 0; from < ids.length; from += RENEW_AT_ONCE) {
    const mine = await store.write((tx) =>
      tx.all<{ id: string; epoch: number }>(
        `update ramet_sagas set lease_until = ramet_now() + ? where owner = ? and id in (${RENEW_PLACES}) returning id, epoch`,
        LEASE_MS,
        owner,
        ...Array.from({ length: RENEW_AT_ONCE }, (_, i) => ids[from + i] ?? null),
      ),
    );
    for (const { id, epoch } of mine) epochs.set(id, Number(epoch));
  }
  return epochs;
}

/** Gives back all sagas of the owner, so that the next owner need not wait for the leases. */
export async function giveBack(store: Store, owner: string): Promise<void> {
  await store.write((tx) =>
    tx.run("update ramet_sagas set lease_until = 0 where owner = ? and state in ('RUNNING', 'COMPENSATING')", owner),
  );
}

/** Returns in how many milliseconds the next saga wakes up; undefined if none sleeps. */
export async function nextWakeMs(store: Store): Promise<number | undefined> {
  const row = await store.reader.get<{ wait: number }>(
    `select lease_until - ramet_now() as wait from ramet_sagas
     where state in ('RUNNING', 'COMPENSATING') and owner is null order by lease_until limit 1`,
  );
  return row && Number(row.wait);
}
