import { RametError } from '../../errors/index.ts';
import type { QueryEngine } from '../kysely.ts';
import { keptParam } from '../text.ts';
import type { Connection } from './connection.ts';
import { closed, readOnly, translated } from './errors.ts';

/** Makes the queries of a store, on its connection that only reads. */
export function queriesOf(connection: Connection, service: string): QueryEngine {
  const query = <R>(execute: () => R): R => {
    try {
      return execute();
    } catch (error) {
      if (readOnly(error)) throw new RametError('Internal', `a query of '${service}' writes; only a command may`, { cause: error });
      throw connection.db.isOpen ? translated(error, service) : closed(service);
    }
  };
  return {
    execute: async (sql, params) => query(() => connection.query(sql, params)),
    rows: (sql, params) => query(() => connection.rows(sql, params.map(keptParam))),
  };
}
