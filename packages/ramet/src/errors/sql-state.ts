import { unreachable } from './outage.ts';
import { RametError } from './ramet-error.ts';

/** Reads the code of five characters (SQLSTATE) that PostgreSQL gives each error; errors of the network have other codes, or none. */
export const sqlState = (error: unknown): string | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
};

/**
 * States in which the server does not accept work now: no room (53), starting or stopping (57P), a failure of its system (58), only
 * reads (25006), a broken connection (08), an internal error (XX0); or another session is in the way (deadlock, serialisation failure,
 * lock or statement timeout).
 */
const PASSING = /^(53...|57P0[1-5]|58...|25006|25P0[34]|08...|XX00.|40001|40P01|55P03|57014)$/;
/** Errors of the driver that have no code: the server does not answer in time, or the connection ends. */
const NO_ANSWER =
  /timeout expired|Connection terminated|Query read timeout|not queryable|Cannot use a pool after|has not answered|the connection (?:ended|was given up)/;

/** Whether PostgreSQL, or the network on the way to it, is unavailable: the same request may succeed later without an operator. */
export function postgresPasses(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return PASSING.test(state);
  if (unreachable(error) !== undefined) return true;
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === undefined && typeof message === 'string' && NO_ANSWER.test(message);
}

/** What an operator must do when PostgreSQL certainly refuses, by SQLSTATE. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^28P01$/, 'correct the user or the password in the URL, or in the secret that it comes from'],
  [/^28/, "let this role connect from here (the server's pg_hba.conf), or correct the user in the URL"],
  [/^3D000$/, 'create the database, or correct its name in the URL'],
  [/^(42501|3F000)$/, 'make the schema and its role with provision(), or grant the role that right'],
  [/^53300$/, 'raise max_connections of the server, or give its processes fewer connections'],
  [/^53/, 'free disk space or memory on the server'],
  [/^25006$/, 'the server only accepts reads: point the URL at the primary'],
  [/^57P03$/, 'wait until the server has started'],
  [/^(40|55P03|57014)/, 'look for a session that holds locks for long'],
];

/** Says what to do about an error of PostgreSQL, or of the network on the way to it. */
export function postgresRemedy(error: unknown): string {
  const state = sqlState(error);
  const found = state === undefined ? undefined : REMEDIES.find(([pattern]) => pattern.test(state));
  return found?.[1] ?? 'start the server, or correct the URL';
}

/** Returns the text of an error for people: errors of the network may have only a code. */
export function reasonOf(error: unknown): string {
  // The framework's own texts are complete; other errors name their cause only inside.
  const { message, code } = (error instanceof RametError ? error : (unreachable(error) ?? error)) as { message?: string; code?: string };
  return message || code || String(error);
}
