import { postgresPasses, postgresRemedy, RametError, reasonOf, sqlState } from '../../errors/index.ts';

/** The server refuses for certain: the credentials, the database, or the rights of the role are wrong. */
const REFUSED = /^(28...|3D000|42501|3F000)$/;

/**
 * @returns what PostgreSQL said in an outage as `Unavailable`, which passes without a person; what a person has to correct as
 *   `Misconfigured`; any other error as it is
 */
export function asBusError(error: unknown): unknown {
  if (error instanceof RametError) return error;
  const said = `${reasonOf(error)}): ${postgresRemedy(error)}`;
  if (postgresPasses(error)) return new RametError('Unavailable', `the PostgreSQL of the bus is not available (${said}`, { cause: error });
  if (REFUSED.test(sqlState(error) ?? ''))
    return new RametError('Misconfigured', `the PostgreSQL of the bus cannot be used (${said}`, { cause: error });
  return error;
}
