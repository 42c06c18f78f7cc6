import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { FolderTables } from './folder-tables.ts';
import type { Param, Reader, Store } from './store.ts';
import type { Table } from './table.ts';
import { checkMovedRow } from './text.ts';

/** The copy of one table, and the figures by which both sides were compared. */
export interface MovedTable {
  readonly name: string;
  readonly rows: number;
  /** Independent of the order of the rows: 48 bits of the sum of their hashes, as hex. */
  readonly checksum: string;
}

/** A move of a store: the two stores, and how to copy. */
export interface Move {
  readonly from: Store;
  readonly to: Store;
  /** What each folder of the framework keeps in the two stores. */
  readonly folders: readonly FolderTables[];
  readonly platform: Platform;
  /** Called for each table when it has been copied and compared. */
  readonly onCopied?: (table: MovedTable) => void;
  /** Rows per transaction (default 500). */
  readonly batch?: number;
}

const BATCH = 500;
/** Marks in `ramet_marks`, of a store whose rows were moved and of one whose rows are still being copied: no process starts on it. */
const MOVED = 'moved';
const COPYING = 'copying';
/** Set in the source for a moment. A target that shows it is the source itself. */
const PROBE = 'move_probe';

/**
 * Copies everything of a service's store into another one: its own tables, events with their positions, what was handled,
 * open sagas, fences, timers, schedules. Both have been migrated, no process uses either, and the target has never been used.
 * A copy that was interrupted continues where it stopped. At the end both are read again and compared by counts and checksums, and
 * the source is marked, so that no process starts on it by mistake.
 * @throws RametError MoveRefused when the two do not fit, or the target is in use; MoveFailed when they differ at the end
 */
export async function moveStore(move: Move): Promise<readonly MovedTable[]> {
  const { from, to, platform, batch = BATCH } = move;
  for (const store of [from, to])
    if (await store.inUse?.())
      throw new RametError(
        'MoveRefused',
        `a process of '${store.service}' runs on ${store === from ? 'its store' : 'the target'}: stop it first`,
      );
  const tables = await fitting(move);
  await refuseSame(from, to);
  await beginCopy(move, tables);
  const moved: MovedTable[] = [];
  for (const table of tables) {
    await copyTable(from, to, table, batch);
    const [source, target] = [await sumOf(from.reader, platform, table, batch), await sumOf(to.reader, platform, table, batch)];
    if (source.rows !== target.rows || source.checksum !== target.checksum)
      throw new RametError(
        'MoveFailed',
        `table '${table.name}' of '${from.service}' has ${source.rows} rows (${source.checksum}), the copy ${target.rows} (${target.checksum}): a process wrote meanwhile, or the target does not keep a value; stop every process of the service and begin again on an empty target`,
      );
    moved.push({ name: table.name, ...source });
    move.onCopied?.(moved.at(-1) as MovedTable);
  }
  await finish(from, to);
  return moved;
}

/** Makes the target the store of the service. The source is closed first, so that there are never two. */
async function finish(from: Store, to: Store): Promise<void> {
  const marks = await from.reader.all<{ name: string; at: number }>(
    'select name, at from ramet_marks where name not in (?, ?)',
    MOVED,
    PROBE,
  );
  await from.write(
    async (tx) => {
      await tx.run('insert into ramet_marks (name, at) values (?, ramet_now()) on conflict do nothing', MOVED);
    },
    { name: 'move' },
  );
  await to.write(
    async (tx) => {
      for (const { name, at } of marks)
        await tx.run('insert into ramet_marks (name, at) values (?, ?) on conflict do nothing', name, Number(at));
      await tx.run('delete from ramet_marks where name = ?', COPYING);
      await tx.run(`drop table ramet_move`);
    },
    { name: 'move' },
  );
}

/** Checks that a process may start on a store. @throws RametError StoreMoved when its rows were moved, or have not all been copied here */
export async function refuseMoved(store: Store): Promise<void> {
  const row = await store.reader.get<{ name: string }>('select name from ramet_marks where name in (?, ?)', MOVED, COPYING);
  if (row?.name === MOVED)
    throw new RametError('StoreMoved', `the rows of '${store.service}' were moved to another store: name that one in the topology`);
  if (row)
    throw new RametError('StoreMoved', `the rows of '${store.service}' have not all been copied here: run the same 'ramet move' again`);
}

const hasMark = async (store: Store, name: string): Promise<boolean> =>
  (await store.reader.get('select name from ramet_marks where name = ?', name)) !== undefined;

/** Returns the tables to copy, in the order of their names. */
async function fitting({ from, to, folders }: Move): Promise<Table[]> {
  const stays = new Set(folders.flatMap(({ move }) => move?.stays ?? []));
  const problems: string[] = [];
  if (from.capabilities.partitions !== to.capabilities.partitions)
    problems.push(
      `its outbox has ${from.capabilities.partitions} partitions and the target's ${to.capabilities.partitions}: events keep their partitions and positions, so make the target with as many`,
    );
  // A move that was interrupted at its very end has already marked its source.
  if ((await hasMark(from, MOVED)) && !(await hasMark(to, COPYING)))
    problems.push('it was moved before, and that move is finished: name the store that has its rows in the topology');
  const there = new Map((await to.tables()).map((table) => [table.name, table]));
  const tables = (await from.tables()).filter(({ name }) => !stays.has(name));
  for (const { name, columns } of tables) {
    const same = there.get(name);
    const missing = columns.filter((column) => !same?.columns.some((other) => other.name === column.name)).map((column) => column.name);
    if (!same) problems.push(`the target has no table '${name}': run the same migrations on both`);
    else if (missing.length > 0)
      problems.push(`table '${name}' of the target has no ${missing.join(', ')}: run the same migrations on both`);
  }
  if (problems.length > 0) throw new RametError('MoveRefused', `the store of '${from.service}' cannot be moved: ${problems.join('; ')}`);
  return tables;
}

/** Checks that the target is another store: a copy begins by emptying it. */
async function refuseSame(from: Store, to: Store): Promise<void> {
  const write = (sql: string) => from.write(async (tx) => void (await tx.run(sql, PROBE)), { name: 'move' });
  await write('insert into ramet_marks (name, at) values (?, ramet_now()) on conflict do nothing');
  const isSame = await hasMark(to, PROBE);
  await write('delete from ramet_marks where name = ?');
  if (isSame) throw new RametError('MoveRefused', `the target is the store of '${from.service}' itself: name another one`);
}

/** Empties the target once: rows that migrations put there are copied from the source. */
async function beginCopy({ to, folders }: Move, tables: readonly Table[]): Promise<void> {
  if (await hasMark(to, COPYING)) return;
  if (await hasMark(to, MOVED)) throw new RametError('MoveRefused', 'the target was itself moved elsewhere: use an empty one');
  for (const query of folders.flatMap(({ move }) => move?.used ?? []))
    if (await to.reader.get(query))
      throw new RametError(
        'MoveRefused',
        `the target of '${to.service}' has events or requests of its own: use an empty database or schema`,
      );
  await to.write(
    async (tx) => {
      await tx.run(`create table ramet_move (name text primary key, after text, done integer not null)`);
      await tx.run('insert into ramet_marks (name, at) values (?, ramet_now())', COPYING);
      for (const { name } of tables) await tx.run(`delete from ${quoted(name)}`);
    },
    { name: 'move', exclusive: true },
  );
}

async function copyTable(from: Store, to: Store, table: Table, batch: number): Promise<void> {
  const progress = await to.reader.get<{ after: string | null; done: number }>(
    `select after, done from ramet_move where name = ?`,
    table.name,
  );
  if (Number(progress?.done ?? 0) === 1) return;
  const insert = insertInto(table);
  let after = progress?.after == null ? undefined : (JSON.parse(progress.after) as Param[]);
  for (;;) {
    const rows = await page(from.reader, table, after, batch);
    const last = rows.at(-1);
    after = last && positionOf(table, last, after, rows.length);
    if (!table.name.startsWith('ramet_')) for (const row of rows) checkMovedRow(table.name, row);
    await to.write(
      async (tx) => {
        for (const row of rows) tx.defer(insert, ...table.columns.map(({ name }) => row[name] as Param));
        tx.defer(
          `insert into ramet_move (name, after, done) values (?, ?, ?) on conflict (name) do update set after = coalesce(excluded.after, ramet_move.after), done = excluded.done`,
          table.name,
          after === undefined ? null : JSON.stringify(after),
          rows.length < batch ? 1 : 0,
        );
      },
      { name: 'move' },
    );
    if (rows.length < batch) return;
  }
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads the rows after `after`, in the order of the key; without a key, in the order of all columns, from a number of rows on.
 * Whole numbers are read as text, which keeps all 64 bits.
 */
function page(reader: Reader, table: Table, after: readonly Param[] | undefined, limit: number): Promise<Row[]> {
  const selected = table.columns.map(({ name, type }) =>
    type === 'integer' ? `cast(${quoted(name)} as text) as ${quoted(name)}` : quoted(name),
  );
  const select = `select ${selected.join(', ')} from ${quoted(table.name)}`;
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  if (table.key.length === 0) {
    const order = table.columns.map((_, i) => i + 1).join(', ');
    return reader.all<Row>(`${select} order by ${order} limit ? offset ?`, limit, (after?.[0] as number | undefined) ?? 0);
  }
  const source = quoted(table.name);
  const key = table.key.map((name) => `${source}.${quoted(name)}`).join(', ');
  if (!after) return reader.all<Row>(`${select} order by ${key} limit ?`, limit);
  const given = table.key.map((name) => (types.get(name) === 'integer' ? 'cast(? as bigint)' : '?')).join(', ');
  return reader.all<Row>(`${select} where (${key}) > (${given}) order by ${key} limit ?`, ...after, limit);
}

/** Returns where the next page begins. */
function positionOf(table: Table, last: Row, before: readonly Param[] | undefined, rows: number): Param[] {
  if (table.key.length === 0) return [((before?.[0] as number | undefined) ?? 0) + rows];
  return table.key.map((name) => last[name] as Param);
}

function insertInto({ name, columns }: Table): string {
  const values = columns.map(({ type }) => (type === 'integer' ? 'cast(? as bigint)' : '?'));
  return `insert into ${quoted(name)} (${columns.map((column) => quoted(column.name)).join(', ')}) values (${values.join(', ')})`;
}

async function sumOf(reader: Reader, platform: Platform, table: Table, batch: number): Promise<{ rows: number; checksum: string }> {
  let sum = 0n;
  let rows = 0;
  let after: Param[] | undefined;
  for (;;) {
    const some = await page(reader, table, after, batch);
    for (const row of some) sum += BigInt(`0x${platform.crypto.sha256(canonical(table, row)).slice(0, 12)}`);
    rows += some.length;
    const last = some.at(-1);
    if (!last || some.length < batch) return { rows, checksum: (sum & 0xffff_ffff_ffffn).toString(16).padStart(12, '0') };
    after = positionOf(table, last, after, some.length);
  }
}

/** Writes a row as text, the same for every engine. */
const canonical = ({ columns }: Table, row: Row): string =>
  JSON.stringify(
    columns.map(({ name }) => {
      const value = row[name];
      return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : (value ?? null);
    }),
  );

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
