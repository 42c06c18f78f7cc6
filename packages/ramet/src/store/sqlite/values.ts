import type { SQLInputValue } from 'node:sqlite';
import { noColumnTakes } from '../values.ts';

/**
 * Encodes a parameter for SQLite: it accepts and refuses the same values as on PostgreSQL.
 * @throws TypeError for what no column holds on every engine
 */
export function encoded(value: unknown): SQLInputValue {
  if (typeof value === 'string') return value;
  // node:sqlite binds every number as a real, which a text column would keep as '5.0'.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'bigint' || value instanceof Uint8Array) return value;
  throw noColumnTakes(value);
}
