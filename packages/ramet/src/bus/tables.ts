import { DAY } from '../platform/index.ts';
import { type FolderTables, raiseMark } from '../store/index.ts';

/** How long an event and the record that it was handled are kept: longer than an event can be on its way, with slack for clocks. */
export const EVENTS_KEPT_MS = 14 * DAY;

/** The tables of the bus: events that were published, and what became of those that were received. */
export const BUS_TABLES: FolderTables = {
  tables: [
    'ramet_partitions',
    'ramet_outbox',
    'ramet_relays',
    'ramet_claims',
    'ramet_inbox',
    'ramet_retries',
    'ramet_parked',
    'ramet_halts',
    'ramet_dead_letters',
    'ramet_redelivered',
  ],
  // The outbox is not among these: the bus deletes from it as far as all subscriptions have read.
  retention: [
    {
      table: 'ramet_inbox',
      key: ['subscriber', 'event_id'],
      where: `at < ramet_now() - ${EVENTS_KEPT_MS}`,
      onDeleted: (tx) => raiseMark(tx, 'inbox', `ramet_now() - ${EVENTS_KEPT_MS}`),
    },
    // Starts of events that a queue has not delivered again: the next one is counted from the beginning.
    { table: 'ramet_redelivered', key: ['subscriber', 'event_id'], where: `at < ramet_now() - ${EVENTS_KEPT_MS}` },
  ],
  move: { used: ['select p from ramet_partitions where pos > 0 limit 1'] },
  // Positions are dense, because a partition's counter is raised last in the transaction that fills them.
  migrations: [
    {
      name: 'ramet_0001',
      part: 1,
      sql: `
-- bus: positions are dense, because a partition's counter is raised last in the transaction that fills them
create table ramet_partitions (p integer primary key, pos bigint not null default 0, epoch bigint not null default 1);
create table ramet_outbox (
  p integer not null, pos bigint not null, event_id text not null unique, event text not null, version integer not null, key text not null,
  at bigint not null, envelope text not null, primary key (p, pos)
);
create table ramet_claims (
  subscriber text not null, source text not null, p integer not null, checkpoint bigint not null, claimed_to bigint not null,
  attempts integer not null default 0, owner text, epoch bigint not null default 0, lease_until bigint not null default 0,
  primary key (subscriber, source, p)
);
create table ramet_inbox (
  subscriber text not null, event_id text not null, at bigint not null, primary key (subscriber, event_id)
);
create index ramet_inbox_at on ramet_inbox (at);
create table ramet_retries (
  subscriber text not null, key text not null, event_id text not null, state text not null check (state in ('RETRYING', 'DRAINING', 'QUARANTINED')),
  attempts integer not null, due_at bigint not null, first_failed_at bigint not null, error text, envelope text not null,
  primary key (subscriber, key)
);
create index ramet_retries_due on ramet_retries (subscriber, state, due_at);
create table ramet_parked (
  subscriber text not null, key text not null, seq bigint not null, event_id text not null, envelope text not null,
  primary key (subscriber, key, seq), unique (subscriber, event_id)
);
create table ramet_dead_letters (
  id text primary key, subscriber text not null, event_id text not null, event text not null, key text not null, envelope text not null,
  reason text not null, error text not null, stack_hash text not null, attempts integer not null,
  first_failed_at bigint not null, last_failed_at bigint not null, unique (subscriber, event_id)
);
`,
    },
    {
      name: 'ramet_0002',
      part: 1,
      sql: `
-- bus: the outbox is deleted from its beginning, up to here
alter table ramet_partitions add column pruned_upto bigint not null default 0;
alter table ramet_claims add column claimed_at bigint;
update ramet_claims set claimed_at = ramet_now();
alter table ramet_retries add column lease_until bigint not null default 0;
alter table ramet_dead_letters add column policy text not null default 'park-key' check (policy in ('park-key', 'skip', 'halt'));
create table ramet_halts (
  subscriber text not null, source text not null, p integer not null, pos bigint not null, event_id text not null,
  state text not null check (state in ('RETRYING', 'HALTED')), attempts integer not null, due_at bigint not null,
  first_failed_at bigint not null, error text, primary key (subscriber, source, p)
);`,
    },
    {
      name: 'ramet_0004',
      sql: `
-- bus: how far the events of each partition have been given to a broker, and which process gives them
create table ramet_relays (
  relay text not null, p integer not null, pos bigint not null default 0, owner text, epoch bigint not null default 0,
  lease_until bigint not null default 0, primary key (relay, p)
)
`,
    },
    {
      name: 'ramet_0006',
      part: 1,
      sql: `
-- bus: what is looked up for each blocked key and each letter, and the order in which operators read letters
create index ramet_dead_letters_key on ramet_dead_letters (subscriber, key, first_failed_at, event_id);
create index ramet_dead_letters_newest on ramet_dead_letters (last_failed_at, id);
create index ramet_retries_event on ramet_retries (subscriber, event_id);
drop index ramet_retries_due;
create index ramet_retries_due on ramet_retries (subscriber, state, due_at, key);
`,
    },
    {
      name: 'ramet_0012',
      sql: `
-- bus: where the last attempt of a dead letter failed
alter table ramet_dead_letters add column stack text not null default ''
`,
    },
    {
      name: 'ramet_0014',
      sql: `
-- bus: how often an event was started that a queue has delivered again
create table ramet_redelivered (
  subscriber text not null, event_id text not null, starts integer not null, at bigint not null, primary key (subscriber, event_id)
);
create index ramet_redelivered_at on ramet_redelivered (at)
`,
    },
  ],
};
