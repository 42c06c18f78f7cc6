import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { engineOf } from '../kysely.ts';

/** The SQL of PostgreSQL, for Kysely. */
export const ENGINE = engineOf(new PostgresQueryCompiler(), new PostgresAdapter(), (db) => new PostgresIntrospector(db));
