import command from './command/row.ts';
import commandOnPostgres from './command-postgres/row.ts';
import type { Row } from './core/row.ts';
import edge from './edge/row.ts';
import eventsOnPostgres from './events-postgres/row.ts';
import instrument from './instrument/row.ts';
import kafka from './kafka/row.ts';
import policies from './policies/row.ts';
import query from './query/row.ts';
import reaction from './reaction/row.ts';
import reads from './reads/row.ts';
import remote from './remote/row.ts';
import saga from './saga/row.ts';
import sagaOnPostgres from './saga/row-postgres.ts';
import simulation from './simulation/row.ts';
import start from './start/row.ts';

/** Every row of the targets that is measured, in their order. */
export const rows: readonly Row[] = [
  query,
  instrument,
  policies,
  command,
  reads,
  reaction,
  saga,
  start,
  edge,
  simulation,
  remote,
  commandOnPostgres,
  eventsOnPostgres,
  sagaOnPostgres,
  kafka,
];
