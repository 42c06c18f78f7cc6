import type { FolderTables } from './folder-tables.ts';

/** The tables of the store itself: what ran, what was forgotten, and due work. */
export const STORE_TABLES: FolderTables = {
  // ramet_move holds the progress of a move in its target: an interrupted one continues there.
  tables: ['ramet_migrations', 'ramet_marks', 'ramet_timers', 'ramet_probe', 'ramet_move'],
  move: { stays: ['ramet_migrations', 'ramet_marks', 'ramet_probe', 'ramet_move'] },
  migrations: [
    {
      name: 'ramet_0001',
      part: 4,
      sql: `
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
      part: 2,
      sql: `
-- moments up to which something was deleted
create table ramet_marks (name text primary key, at bigint not null);
`,
    },
    {
      name: 'ramet_0006',
      part: 3,
      sql: `
-- due work: that of one kind, in its order
drop index ramet_timers_due;
create index ramet_timers_due on ramet_timers (kind, due_at, id)
`,
    },
    {
      name: 'ramet_0007',
      part: 1,
      sql: `
-- due work in lanes, so that one target takes no places from another; and how often in a row the process ended under some work
alter table ramet_timers add column lane text not null default '';
alter table ramet_timers add column crashes integer not null default 0;
alter table ramet_timers add column given_up_at bigint;
create index ramet_timers_lanes on ramet_timers (kind, lane, due_at, id);
create index ramet_timers_given_up on ramet_timers (given_up_at) where given_up_at is not null;`,
    },
    {
      name: 'ramet_0009',
      part: 3,
      sql: `
-- due work: when its first attempt began
alter table ramet_timers add column begun_at bigint;
update ramet_timers set begun_at = due_at where attempts > 0 and given_up_at is null
`,
    },
  ],
};
