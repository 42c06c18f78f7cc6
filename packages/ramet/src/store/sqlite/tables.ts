import type { Table } from '../table.ts';
import type { Connection } from './connection.ts';

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly pk: number | bigint;
}

/** Lists the tables of a database file, by name. Generated columns are not in `table_info`. */
export function tablesOf(connection: Connection): Table[] {
  const names = connection.rows(
    "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name",
    [],
  ) as { name: string }[];
  return names.map(({ name }) => {
    const columns = connection.rows('select name, type, pk from pragma_table_info(?) order by cid', [name]) as ColumnRow[];
    return {
      name,
      // SQLite's own rule for whole numbers: type affinity.
      columns: columns.map((column) => ({ name: column.name, type: /int/i.test(column.type) ? ('integer' as const) : ('other' as const) })),
      key: columns
        .filter(({ pk }) => Number(pk) > 0)
        .sort((a, b) => Number(a.pk) - Number(b.pk))
        .map((column) => column.name),
    };
  });
}
