import { RametError } from '../errors/index.ts';

/**
 * Precedes four hex digits that stand for a character that some engine does not keep. It is a noncharacter of Unicode, which exchanged
 * texts do not contain; a text that contains it is encoded in the same way.
 */
const MARK = '\ufdd0';
const MARKED = /\ufdd0([0-9a-f]{4})/g;
/** With the flag `u`, half a surrogate pair is matched only where it stands alone. */
const NOT_KEPT = /[\0\ufdd0\ud800-\udfff]/gu;

/** Whether every engine returns a text as it was written: it contains neither U+0000 nor half a surrogate pair. */
const isPlain = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/**
 * Encodes a parameter of the framework's own statements: keys, names, reasons and errors may contain any character. Texts that an
 * engine would cut, refuse or change are written with marks instead, so that they read back unchanged, and two different texts
 * never become the same.
 */
export const keptParam = <P>(value: P): P =>
  typeof value === 'string' && !(isPlain(value) && !value.includes(MARK)) ? (value.replace(NOT_KEPT, marked) as P & string) : value;

const marked = (unit: string): string => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0');

/** Decodes a row of the framework's own statements: its texts are as they were written. */
export function keptRow<R>(row: R): R {
  const fields = row as Record<string, unknown>;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string' && value.includes(MARK))
      fields[name] = value.replace(MARKED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  }
  return row;
}

/** Decodes rows. */
export function keptRows<R>(rows: R[]): R[] {
  for (const row of rows) keptRow(row);
  return rows;
}

/**
 * Checks the parameters of a service's own statements. Other programs may read its tables, so nothing is encoded there.
 * @throws RametError BadRequest for a text that not every engine keeps unchanged
 */
export function checkOwnTexts(sql: string, params: readonly unknown[]): void {
  for (let i = 0; i < params.length; i++) {
    const value = params[i];
    if (typeof value === 'string' && !isPlain(value)) throw notKept(`parameter ${i + 1} of '${sql.slice(0, 100)}'`, value);
  }
}

/** Checks a row of a service's own table. @throws RametError MoveRefused when it has a text that another engine does not keep */
export function checkMovedRow(table: string, row: Readonly<Record<string, unknown>>): void {
  for (const [column, value] of Object.entries(row))
    if (typeof value === 'string' && !isPlain(value))
      throw new RametError(
        'MoveRefused',
        `a row of '${table}' has ${what(value)} in '${column}', which the target does not keep: correct it first`,
      );
}

const notKept = (where: string, value: string): RametError =>
  new RametError(
    'BadRequest',
    `a text has ${what(value)}, which not every table keeps (${where}); refuse it by the schema, or store it as JSON`,
    {
      executed: 'no',
    },
  );

const what = (text: string): string => (text.isWellFormed() ? 'the character U+0000' : 'half of a surrogate pair');
