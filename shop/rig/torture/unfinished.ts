import type { Databases } from './databases.ts';
import { SERVICES, type Subscriptions } from './subscriptions.ts';

/** What is under way according to the disk: what a kill has hit, or what a running shop still has to do. */
export interface Unfinished {
  readonly pendingOrders: number;
  readonly openSagas: number;
  readonly compensations: number;
  /** Effects between their two transactions. */
  readonly effects: number;
  /** Events that some subscriber has not taken over yet. */
  readonly events: number;
  /** Sent commands and other timers. */
  readonly timers: number;
  /** Events set aside to be tried again. */
  readonly retries: number;
}

export const isFinished = (unfinished: Unfinished): boolean => Object.values(unfinished).every((count) => count === 0);

export function unfinished(databases: Databases, subscriptions: Subscriptions): Unfinished {
  const states = new Map(
    databases
      .rows<{ state: string; n: number }>(
        'orders',
        "select state, count(*) as n from ramet_sagas where state in ('RUNNING', 'COMPENSATING') group by state",
      )
      .map(({ state, n }) => [state, n]),
  );
  const everywhere = (sql: string) => SERVICES.reduce((sum, service) => sum + databases.count(service, sql), 0);
  return {
    pendingOrders: databases.count('orders', "select count(*) from orders where status = 'pending'"),
    openSagas: states.get('RUNNING') ?? 0,
    compensations: states.get('COMPENSATING') ?? 0,
    effects: everywhere("select count(*) from ramet_fences where state in ('STARTED', 'CANCELLING')"),
    events: unhandled(databases, subscriptions),
    timers: everywhere('select count(*) from ramet_timers'),
    retries: everywhere(
      'select (select count(*) from ramet_retries) + (select count(*) from ramet_parked) + (select count(*) from ramet_halts)',
    ),
  };
}

/** A killed shop may not have run its first migration. */
export function isEmpty(databases: Databases): boolean {
  return SERVICES.some(
    (service) =>
      !databases.has(service) ||
      databases.count(service, "select count(*) from sqlite_master where name in ('ramet_fences', 'ramet_sagas')") < 2,
  );
}

function unhandled(databases: Databases, subscriptions: Subscriptions): number {
  let count = 0;
  for (const [subscriber, topics] of subscriptions) {
    const home = subscriber.split('.')[0] as string;
    for (const source of new Set([...topics].map((topic) => topic.split('.')[0] as string))) {
      const checkpoint = databases.count(
        home,
        'select coalesce(max(checkpoint), 0) from ramet_claims where subscriber = ? and source = ?',
        subscriber,
        source,
      );
      const later = databases
        .rows<{ event_id: string; event: string }>(source, 'select event_id, event from ramet_outbox where pos > ?', checkpoint)
        .filter(({ event }) => topics.has(event));
      const taken = (id: string) =>
        databases.count(home, 'select count(*) from ramet_inbox where subscriber = ? and event_id = ?', subscriber, id) > 0;
      count += later.filter(({ event_id }) => !taken(event_id)).length;
    }
  }
  return count;
}
