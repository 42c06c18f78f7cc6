import { DAY, HOUR } from '../platform/index.ts';
import { FENCES_KEPT } from '../saga/index.ts';
import { type FolderTables, markOldStores, raiseMark } from '../store/index.ts';

/**
 * How long a service remembers requests, so that it can tell a repetition from a new request. docs/operations.md says what happens
 * to a repetition that arrives later.
 */
export const REQUESTS_KEPT = {
  /** For the key of a client: what clients are promised. */
  clientKeysMs: 24 * HOUR,
  /** For the key of a sent command: the sender repeats it until it knows the outcome. */
  sentKeysMs: 14 * DAY,
} as const;
/** How long unended starts are kept if the work is not requested again; after that the count starts again. */
const STARTS_KEPT_MS = 30 * DAY;

/** Says whether a fence belongs to a client's request and not to a saga. */
export const isOfRequest = (stepKey: string): boolean => stepKey.startsWith('req:');

/** The tables of a service: the requests that it answered, the steps and effects that it took part in, and its schedules. */
export const SERVICE_TABLES: FolderTables = {
  tables: ['ramet_requests', 'ramet_fences', 'ramet_starts', 'ramet_schedules'],
  retention: [
    {
      table: 'ramet_requests',
      key: ['operation', 'principal', 'key'],
      where: 'keep_until < ramet_now()',
      adoptMs: REQUESTS_KEPT.sentKeysMs,
      returning: ['principal', 'at'],
      onDeleted(tx, rows) {
        // Up to the newest deleted row, so that what was sent while nothing could be deleted is not refused.
        const sent = rows.filter(({ principal }) => String(principal).startsWith('service:')).map(({ at }) => Number(at));
        if (sent.length > 0) raiseMark(tx, 'requests', String(Math.max(...sent)));
      },
    },
    {
      table: 'ramet_fences',
      key: ['step_key'],
      // A fence whose effect has ended only now is kept from now on.
      where: `keep_until < ramet_now() and updated_at < ramet_now() - ${FENCES_KEPT.endedMs} and state in ('DONE', 'REJECTED', 'CANCELLED', 'UNDONE')`,
      adoptMs: FENCES_KEPT.unheardMs,
      onDeleted(tx, rows) {
        if (rows.some(({ step_key }) => !isOfRequest(String(step_key)))) raiseMark(tx, 'fences', `ramet_now() - ${FENCES_KEPT.unheardMs}`);
      },
    },
    { table: 'ramet_starts', key: ['key'], where: `at < ramet_now() - ${STARTS_KEPT_MS}` },
  ],
  move: { used: ['select key from ramet_requests limit 1'] },
  migrations: [
    {
      name: 'ramet_0001',
      part: 2,
      sql: `
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
`,
    },
    {
      name: 'ramet_0002',
      part: 3,
      sql: `
-- schedules: the occurrence that comes next, and how its run goes
create table ramet_schedules (
  name text primary key, spec text not null, due_at bigint not null, next_at bigint not null, attempts integer not null default 0,
  epoch bigint not null default 0, owner text, lease_until bigint not null default 0,
  last_due_at bigint, last_run_at bigint, last_error text
)
`,
    },
    {
      name: 'ramet_0007',
      part: 2,
      sql: `
alter table ramet_schedules add column crashes integer not null default 0;
alter table ramet_schedules add column given_up_at bigint
`,
    },
    {
      name: 'ramet_0009',
      part: 1,
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
${markOldStores('fences', 2_592_000_000)}
`,
    },
    {
      name: 'ramet_0011',
      part: 1,
      sql: `
-- starts of work that never ended, because their process did
create table ramet_starts (key text primary key, operation text not null, starts integer not null, at bigint not null);
create index ramet_starts_at on ramet_starts (at);
alter table ramet_fences add column crashes integer not null default 0;`,
    },
  ],
};
