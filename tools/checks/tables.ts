import { adapterAround, adaptersOf, FRAMEWORK } from './layout.ts';
import { type Check, type Finding, isCode, isTest, layers, lineAt, type SourceFile } from './source.ts';

/** The simulation judges the tables from outside: an owner's function may have the fault that it looks for. */
const JUDGES: readonly string[] = [`${FRAMEWORK}simulation`];
const CREATED = /\bcreate table (?:if not exists )?(ramet_\w+)/g;
const PAGE = 'ARCHITECTURE.md';

/**
 * A table of the framework belongs to the folder whose migrations create it. Only that folder names it in SQL: the others call a
 * function of the owner. The list of tables in ARCHITECTURE.md names each of them.
 */
export const tables: Check = (files) => {
  const sources = files.filter(({ path }) => path.startsWith(FRAMEWORK) && isCode(path) && !isTest(path) && !path.includes('/fixtures/'));
  const adapters = adaptersOf(files);
  const folderOf = (path: string) =>
    adapterAround(path, adapters) ?? path.slice(0, Math.max(FRAMEWORK.length, path.indexOf('/', FRAMEWORK.length)));
  const owners = new Map<string, string>();
  for (const { path, text } of sources) for (const [, table] of text.matchAll(CREATED)) owners.set(table as string, folderOf(path));
  return [...sources.flatMap((file) => strangersIn(file, owners, folderOf(file.path))), ...unlisted(files, owners)];
};

/** The tables of other folders that a file names outside its comments. An adapter may name those of its port. */
function strangersIn(file: SourceFile, owners: ReadonlyMap<string, string>, folder: string): Finding[] {
  if (JUDGES.includes(folder)) return [];
  const { comments } = layers(file);
  const findings: Finding[] = [];
  for (const { 0: table, index } of file.text.matchAll(/\bramet_\w+/g)) {
    const owner = owners.get(table);
    if (owner === undefined || folder === owner || folder.startsWith(`${owner}/`) || comments[index] !== ' ') continue;
    findings.push({
      path: file.path,
      line: lineAt(file.text, index),
      rule: 'tables',
      message: `the table ${table} belongs to ${owner}`,
      instead: `call a function of ${owner.slice(FRAMEWORK.length)}/`,
    });
  }
  return findings;
}

function unlisted(files: readonly SourceFile[], owners: ReadonlyMap<string, string>): Finding[] {
  const page = files.find(({ path }) => path === PAGE);
  if (!page) return [];
  const rows = [...page.text.matchAll(/^\| `(ramet_\w+)` \|/gm)];
  const listed = new Set(rows.map(([, table]) => table as string));
  const finding = (line: number, message: string): Finding => ({ path: PAGE, line, rule: 'tables', message });
  return [
    ...[...owners.keys()].filter((table) => !listed.has(table)).map((table) => finding(1, `the list of tables lacks ${table}`)),
    ...rows
      .filter(([, table]) => !owners.has(table as string))
      .map(({ 1: table, index }) => finding(lineAt(page.text, index), `the list of tables names ${table}, which no folder creates`)),
  ];
}
