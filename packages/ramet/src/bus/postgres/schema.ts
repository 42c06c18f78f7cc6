import { peer } from '../../errors/index.ts';

/** The client of PostgreSQL. */
export const { default: driver } = await peer('pg', 'ramet/bus/postgres', () => import('pg'));

/** What the bus calls its things on the server. */
export interface TableNames {
  /** The schema, quoted. */
  readonly schema: string;
  /** The channel of NOTIFY, and of the advisory locks. */
  readonly channel: string;
}

/** Makes the names of a bus from the name of its schema. */
export const namesOf = (schema: string): TableNames => ({ schema: driver.escapeIdentifier(schema), channel: schema });

/**
 * The tables of the bus, in their own schema. They belong to no service: a process that hosts a service writes its events here, and
 * groups read them here. The progress of a group is in its own store.
 */
export const MIGRATIONS: readonly ((names: TableNames) => string)[] = [
  ({ schema }) => `
-- the end of each partition of each source: the only thing that decides what comes next, and up to where it was deleted
create table ${schema}.partitions (
  source text not null, p integer not null, pos bigint not null default 0, pruned bigint not null default 0, primary key (source, p)
);
create table ${schema}.log (
  source text not null, p integer not null, pos bigint not null, topic text not null, envelope text not null,
  at timestamptz not null default clock_timestamp(), primary key (source, p, pos)
);
-- who shares the work of a group, and who has which partition
create table ${schema}.members (grp text not null, member text not null, lease_until timestamptz not null, primary key (grp, member));
create table ${schema}.claims (
  grp text not null, source text not null, p integer not null, owner text, epoch bigint not null default 0,
  lease_until timestamptz not null default '-infinity', primary key (grp, source, p)
)`,
];
