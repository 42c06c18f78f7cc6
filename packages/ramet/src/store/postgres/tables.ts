import type { Reader } from '../store.ts';
import type { Table } from '../table.ts';
import { POSTGRES_TABLES } from './schema.ts';

const COLUMNS = `select c.relname as table, a.attname as name, t.typname as type,
    (select k.n from pg_index i, unnest(i.indkey) with ordinality k(attnum, n)
      where i.indrelid = c.oid and i.indisprimary and k.attnum = a.attnum) as key
  from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
  where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  order by c.relname, a.attnum`;
const WHOLE = new Set(['int2', 'int4', 'int8']);

/** Lists the tables in the schema of a store without those of the adapter, by name. Generated columns are excluded. */
export async function tablesOf(reader: Pick<Reader, 'all'>): Promise<Table[]> {
  const rows = await reader.all<{ table: string; name: string; type: string; key: number | null }>(COLUMNS);
  const tables = Map.groupBy(
    rows.filter(({ table }) => !POSTGRES_TABLES.includes(table)),
    ({ table }) => table,
  );
  return [...tables].map(([name, columns]) => ({
    name,
    columns: columns.map((column) => ({ name: column.name, type: WHOLE.has(column.type) ? ('integer' as const) : ('other' as const) })),
    key: columns
      .filter(({ key }) => key !== null)
      .sort((a, b) => Number(a.key) - Number(b.key))
      .map((column) => column.name),
  }));
}
