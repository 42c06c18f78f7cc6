import { LEASE_MS } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { type SagaRow, sagaOf } from './journal.ts';

/*
 * `lease_until` says until when nobody may take an open saga: the owner's lease, or, where there is no owner, until when it
 * sleeps. An operator, a cancellation and an event that is waited for put it to 0.
 */

/** Leases confirmed in one statement. */
const RENEW_AT_ONCE = 200;
const RENEW_PLACES = Array(RENEW_AT_ONCE).fill('?').join(', ');

/**
 * Open sagas that may be taken, or are the owner's own, but for suspects: two look-ups, so that the sagas that sleep cost nothing.
 * @param adoptAll those of other owners too: there are no others any more
 * @param limit how many at most of either kind
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

/** A saga during whose last runs the process ended. */
export interface Suspect {
  readonly id: string;
  readonly crashes: number;
}

/** Suspects that may be taken, those first that saw the fewest ends. */
export function suspects(store: Store, owner: string, adoptAll: boolean, limit: number): Promise<Suspect[]> {
  return store.reader.all<Suspect>(
    `select id, crashes from ramet_sagas where crashes > 0 and state in ('RUNNING', 'COMPENSATING')
       and (lease_until <= ramet_now() or owner = ? ${adoptAll ? 'or owner is not null' : ''}) order by crashes, id limit ?`,
    owner,
    limit,
  );
}

/** Takes a saga, under a new epoch. Where its last owner ended without having given it back, that is counted. @returns undefined when another process has it, or no process may have it now */
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

/** Confirms the leases of the owner. @returns the epoch of each saga that is still its own */
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

/** Gives everything back that the owner has, so that the next one need not wait for the leases. */
export async function giveBack(store: Store, owner: string): Promise<void> {
  await store.write((tx) =>
    tx.run("update ramet_sagas set lease_until = 0 where owner = ? and state in ('RUNNING', 'COMPENSATING')", owner),
  );
}

/** In how many milliseconds the next saga wakes up; undefined when none sleeps. */
export async function nextWakeMs(store: Store): Promise<number | undefined> {
  const row = await store.reader.get<{ wait: number }>(
    `select lease_until - ramet_now() as wait from ramet_sagas
     where state in ('RUNNING', 'COMPENSATING') and owner is null order by lease_until limit 1`,
  );
  return row && Number(row.wait);
}
