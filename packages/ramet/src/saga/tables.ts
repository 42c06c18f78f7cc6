import { DAY } from '../platform/index.ts';
import type { FolderTables } from '../store/index.ts';

/** How long a participant keeps what it did for a saga. The values are listed in docs/operations.md. */
export const FENCES_KEPT = {
  /** After the end of the saga: longer than a request of it can still be on its way. */
  endedMs: 30 * DAY,
  /** While the end of the saga is not known: its owner may be lost, or may still come back. */
  unheardMs: 3 * 365 * DAY,
} as const;

/** The number up to which the kept events are older than every open saga that may wait for one. */
const FIRST_LISTENED = `coalesce(
  (select min(events_from) from ramet_sagas where state in ('RUNNING', 'DIVERGED') and events_from is not null),
  (select seq from ramet_saga_counter where id = 0))`;

/** The tables of sagas: their journal, and the events that they wait for. */
export const SAGA_TABLES: FolderTables = {
  tables: ['ramet_sagas', 'ramet_saga_steps', 'ramet_saga_log', 'ramet_saga_events', 'ramet_saga_counter', 'ramet_saga_keys'],
  // Sagas are not among these: they are deleted once the services that they called have been notified.
  retention: [{ table: 'ramet_saga_events', key: ['seq'], where: `seq <= ${FIRST_LISTENED}` }],
  migrations: [
    {
      name: 'ramet_0001',
      part: 3,
      sql: `
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
      name: 'ramet_0005',
      sql: `
-- sagas: a step that changes its state changes no index
drop index ramet_saga_steps_awaiting;
create index ramet_saga_steps_awaiting on ramet_saga_steps (event, event_key) where event is not null
`,
    },
    {
      name: 'ramet_0006',
      part: 2,
      sql: `
-- sagas: those of one owner, those that sleep, and the orders in which operators read them
create index ramet_sagas_owned on ramet_sagas (owner) where state in ('RUNNING', 'COMPENSATING') and owner is not null;
create index ramet_sagas_asleep on ramet_sagas (lease_until) where state in ('RUNNING', 'COMPENSATING') and owner is null;
drop index ramet_sagas_created;
create index ramet_sagas_created on ramet_sagas (created_at, id);
create index ramet_sagas_attention on ramet_sagas (created_at, id) where attention is not null;
-- only lists say that created_at is above 0: whoever looks for open sagas must not take this one
create index ramet_sagas_listed on ramet_sagas (state, created_at, id) where created_at > 0;
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
      part: 2,
      sql: `
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
      part: 2,
      sql: `
alter table ramet_sagas add column crashes integer not null default 0;
create index ramet_sagas_suspects on ramet_sagas (crashes, id) where crashes > 0 and state in ('RUNNING', 'COMPENSATING')
`,
    },
    {
      name: 'ramet_0013',
      sql: `
-- sagas: whose subject the initiator is
alter table ramet_sagas add column initiator_issuer text
`,
    },
  ],
};
