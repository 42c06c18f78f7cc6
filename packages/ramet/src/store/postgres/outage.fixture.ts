import { type UnreliableWay, unreliableWay } from '../../platform/unreliable-way.fixture.ts';

/** SQLSTATEs with which a server ends a session, and their messages. */
const SAYS = {
  '57P03': 'the database system is starting up',
  '57P01': 'terminating connection due to administrator command',
  '53300': 'sorry, too many clients already',
  '25006': 'cannot execute INSERT in a read-only transaction',
  '08006': 'connection failure',
};

type SqlState = keyof typeof SAYS;

/** A connection to a PostgreSQL that may also end its sessions with a SQLSTATE. */
export const wayToPostgres = (target: string): Promise<UnreliableWay<SqlState>> =>
  unreliableWay(
    target,
    Object.fromEntries(Object.entries(SAYS).map(([state, text]) => [state, fatal(state, text)])) as Record<SqlState, Buffer>,
  );

/** An ErrorResponse of the protocol, after which a server closes the session. */
function fatal(state: string, text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
