/** A step in the life of a schema. Names begin with a number and are never edited once they ran. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * The framework's own tables, in every store. Moments are milliseconds of database time, JSON is text. The words are those
 * of the glossary; the exact meaning of each row is told where the code that writes it stands.
 */
export const FRAMEWORK_MIGRATIONS: readonly Migration[] = [
  {
    name: 'ramet_0001',
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

-- requests and fences: what was asked for already, and what came of it
create table ramet_requests (
  operation text not null, principal text not null, key text not null, body_hash text not null, answer text, at bigint not null,
  primary key (operation, principal, key)
);
create index ramet_requests_at on ramet_requests (at);
create table ramet_fences (
  step_key text primary key,
  state text not null check (state in ('STARTED', 'DONE', 'REJECTED', 'CANCELLING', 'CANCELLED', 'UNDONE', 'IN_DOUBT')),
  operation text not null, result text, saga_epoch bigint not null default 0, updated_at bigint not null,
  input text, context text, request text, outcome text, attempt integer not null default 0, last_attempt_at bigint,
  next_at bigint, not_after bigint, undo text, owner text, epoch bigint not null default 0, lease_until bigint not null default 0
);
create index ramet_fences_open on ramet_fences (next_at) where state in ('STARTED', 'CANCELLING');
create index ramet_fences_updated on ramet_fences (updated_at);

-- sagas
create table ramet_sagas (
  id text primary key, type text not null, program_version integer not null, business_key text not null, state text not null,
  version bigint not null, epoch bigint not null, owner text, lease_until bigint not null, due_at bigint,
  input text not null, result text, failure text, initiator text not null, trace text not null,
  cancel_reason text, pivoted integer not null default 0, attention text, created_at bigint not null, updated_at bigint not null,
  unique (type, business_key)
);
create index ramet_sagas_open on ramet_sagas (lease_until) where state in ('RUNNING', 'COMPENSATING');
create index ramet_sagas_created on ramet_sagas (created_at);
create table ramet_saga_steps (
  saga_id text not null, idx integer not null, name text not null, kind text not null, invocation text not null, undo text,
  state text not null, attempt integer not null, step_key text not null, intent_at bigint not null, deadline_at bigint,
  result text, error text, comp_state text, comp_attempt integer not null default 0, comp_next_at bigint, comp_error text, updated_at bigint not null,
  primary key (saga_id, idx), unique (saga_id, name)
);
create table ramet_saga_log (
  saga_id text not null, seq bigint not null, at bigint not null, actor text not null, step text, was text, became text not null, detail text,
  primary key (saga_id, seq)
);

-- timers: durable commands that are due at a moment
create table ramet_timers (
  id text primary key, kind text not null, due_at bigint not null, payload text not null, attempts integer not null default 0,
  last_error text, owner text, lease_until bigint not null default 0
);
create index ramet_timers_due on ramet_timers (due_at);

-- one row that readiness writes
create table ramet_probe (id integer primary key, at bigint not null)
`,
  },
  {
    name: 'ramet_0002',
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
);
-- moments up to which something was deleted
create table ramet_marks (name text primary key, at bigint not null);

-- schedules: the occurrence that comes next, and how its run goes
create table ramet_schedules (
  name text primary key, spec text not null, due_at bigint not null, next_at bigint not null, attempts integer not null default 0,
  epoch bigint not null default 0, owner text, lease_until bigint not null default 0,
  last_due_at bigint, last_run_at bigint, last_error text
)
`,
  },
  {
    name: 'ramet_0003',
    sql: `
-- sagas: events kept for those that wait. They are numbered in the order of their commits, and a saga sees those behind its start
create table ramet_saga_counter (id integer primary key, seq bigint not null);
insert into ramet_saga_counter (id, seq) values (0, 0);
create table ramet_saga_events (
  seq bigint primary key, event text not null, key text not null, event_id text not null, published_at bigint not null, data text not null
);
create index ramet_saga_events_key on ramet_saga_events (event, key, seq);
alter table ramet_sagas add column events_from bigint;
create index ramet_sagas_listening on ramet_sagas (events_from) where state in ('RUNNING', 'DIVERGED') and events_from is not null;
alter table ramet_saga_steps add column event text;
alter table ramet_saga_steps add column event_key text;
create index ramet_saga_steps_awaiting on ramet_saga_steps (event, event_key) where state = 'STARTED' and event is not null
`,
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
    name: 'ramet_0005',
    sql: `
-- sagas: a step that changes its state changes no index
drop index ramet_saga_steps_awaiting;
create index ramet_saga_steps_awaiting on ramet_saga_steps (event, event_key) where event is not null
`,
  },
  {
    name: 'ramet_0006',
    sql: `
-- bus: what is looked up for each blocked key and each letter, and the order in which operators read letters
create index ramet_dead_letters_key on ramet_dead_letters (subscriber, key, first_failed_at, event_id);
create index ramet_dead_letters_newest on ramet_dead_letters (last_failed_at, id);
create index ramet_retries_event on ramet_retries (subscriber, event_id);
drop index ramet_retries_due;
create index ramet_retries_due on ramet_retries (subscriber, state, due_at, key);

-- sagas: those of one owner, those that sleep, and the orders in which operators read them
create index ramet_sagas_owned on ramet_sagas (owner) where state in ('RUNNING', 'COMPENSATING') and owner is not null;
create index ramet_sagas_asleep on ramet_sagas (lease_until) where state in ('RUNNING', 'COMPENSATING') and owner is null;
drop index ramet_sagas_created;
create index ramet_sagas_created on ramet_sagas (created_at, id);
create index ramet_sagas_attention on ramet_sagas (created_at, id) where attention is not null;
-- only lists say that created_at is above 0: whoever looks for open sagas must not take this one
create index ramet_sagas_listed on ramet_sagas (state, created_at, id) where created_at > 0;

-- due work: that of one kind, in its order
drop index ramet_timers_due;
create index ramet_timers_due on ramet_timers (kind, due_at, id)
`,
  },
  {
    name: 'ramet_0007',
    sql: `
-- due work in lanes, so that one target takes no places from another; and how often in a row the process ended under some work
alter table ramet_timers add column lane text not null default '';
alter table ramet_timers add column crashes integer not null default 0;
alter table ramet_timers add column given_up_at bigint;
create index ramet_timers_lanes on ramet_timers (kind, lane, due_at, id);
create index ramet_timers_given_up on ramet_timers (given_up_at) where given_up_at is not null;
alter table ramet_schedules add column crashes integer not null default 0;
alter table ramet_schedules add column given_up_at bigint
`,
  },
  {
    name: 'ramet_0008',
    sql: `
-- sagas: outcomes come back to a program in the order in which it was given them
alter table ramet_saga_steps add column delivery integer
`,
  },
  {
    name: 'ramet_0009',
    sql: `
-- requests and fences: each row says until when it is kept; a fence also by whom it was asked for
alter table ramet_requests add column keep_until bigint;
update ramet_requests set keep_until = at + case when principal like 'service:%' then 1209600000 else 86400000 end;
drop index ramet_requests_at;
create index ramet_requests_keep on ramet_requests (keep_until);
alter table ramet_fences add column asked_by text;
alter table ramet_fences add column keep_until bigint;
update ramet_fences set keep_until = updated_at + case when step_key like 'req:%' then 2592000000 else 94608000000 end;
drop index ramet_fences_updated;
create index ramet_fences_keep on ramet_fences (keep_until);
-- before this, fences of open sagas were deleted after 30 days as well
insert into ramet_marks (name, at)
  select 'fences', ramet_now() - 2592000000 from ramet_migrations where name = 'ramet_0001' and applied_at < ramet_now() - 2592000000;

-- sagas: when one has ended, when its participants are to be told so (null when they have been), and the keys of those that were deleted
alter table ramet_sagas add column ended_at bigint;
alter table ramet_sagas add column notice_at bigint;
update ramet_sagas set ended_at = updated_at, notice_at = updated_at + 2592000000
  where state in ('COMPLETED', 'COMPENSATED') or (state = 'COMPENSATION_FAILED' and attention is null);
create index ramet_sagas_notice on ramet_sagas (notice_at) where notice_at is not null;
create index ramet_sagas_ended on ramet_sagas (ended_at) where ended_at is not null and notice_at is null;
create table ramet_saga_keys (
  type text not null, business_key text not null, saga_id text not null, state text not null, at bigint not null, primary key (type, business_key)
);

-- due work: when its first attempt began
alter table ramet_timers add column begun_at bigint;
update ramet_timers set begun_at = due_at where attempts > 0 and given_up_at is null
`,
  },
  {
    name: 'ramet_0010',
    sql: `
-- sagas: those that need a person and are in one state, as operators list them
create index ramet_sagas_attention_in on ramet_sagas (state, created_at, id) where attention is not null
`,
  },
  {
    name: 'ramet_0011',
    sql: `
-- starts of work that never ended, because their process did
create table ramet_starts (key text primary key, operation text not null, starts integer not null, at bigint not null);
create index ramet_starts_at on ramet_starts (at);
alter table ramet_fences add column crashes integer not null default 0;
alter table ramet_sagas add column crashes integer not null default 0;
create index ramet_sagas_suspects on ramet_sagas (crashes, id) where crashes > 0 and state in ('RUNNING', 'COMPENSATING')
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
    name: 'ramet_0013',
    sql: `
-- sagas: whose subject the initiator is
alter table ramet_sagas add column initiator_issuer text
`,
  },
];
