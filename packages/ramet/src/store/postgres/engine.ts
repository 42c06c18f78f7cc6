import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { engineOf } from '../kysely.ts';

export const ENGINE = engineOf(new PostgresQueryCompiler(), new PostgresAdapter(), (db) => new PostgresIntrospector(db));
