import { RametError } from '../../errors/index.ts';
import type { QueryEngine } from '../kysely.ts';
import { planChanged, readOnly, refused, translated, unavailable } from './errors.ts';
import { type Answer, resultOf } from './exchange.ts';
import type { Pool } from './pool.ts';
import type { Statement, Statements } from './statements.ts';

/** Makes the queries of a store, on sessions that only read. */
export function queriesOf(pool: Pool, statements: Statements, service: string): QueryEngine {
  /** @param handlers whether it is a handler's: queries of the framework only read, so a refusal of one is the server's */
  const query = async (statement: Statement, handlers = false): Promise<Answer> => {
    for (let again = false; ; again = true) {
      const connection = await pool.take();
      const { answers, error } = await connection.send([statement]);
      const answer = answers[0];
      pool.give(connection, planChanged(error));
      if (error === undefined && answer) return answer;
      if (handlers && readOnly(error))
        throw new RametError('Internal', `a query of '${service}' writes; only a command may`, { cause: error });
      const lost = connection.lost !== undefined && !refused(error);
      // A query may be repeated: the first one finds that the server was restarted.
      if (!again && (lost || planChanged(error))) continue;
      throw lost ? unavailable(service, (error as Error).message, error) : translated(error, service);
    }
  };
  return {
    execute: async (sql, params) => resultOf(await query(statements.kysely(sql, params), true)),
    rows: async (sql, params) => (await query(statements.ours(sql, params))).rows,
  };
}
