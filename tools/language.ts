import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFiles } from './checks/files.ts';
import { allowedPerFile, areaOf, LEFT, languageFindings, listsOf } from './checks/language.ts';
import { inOneLine } from './checks/source.ts';

/**
 * `npm run language`: how many findings of the language check each folder has left.
 * `npm run language -- <part of a path>` lists those below it; `-- --write` writes the lists of what is left, which only shrink.
 */
const root = join(import.meta.dirname, '..');
const files = readFiles(root);
const findings = languageFindings(files);
const [argument] = process.argv.slice(2);

if (argument === '--write') write();
else if (argument !== undefined)
  for (const finding of findings.filter(({ path }) => path.includes(argument))) console.log(inOneLine(finding));
else perFolder();

function perFolder(): void {
  const counts = new Map<string, number>();
  for (const { path } of findings) counts.set(areaOf(path), (counts.get(areaOf(path)) ?? 0) + 1);
  for (const [area, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`${String(count).padStart(6)}  ${area}`);
  console.log(`${String(findings.length).padStart(6)}  in all`);
}

function write(): void {
  const before = [...allowedPerFile(files).values()].reduce((sum, { count }) => sum + count, 0);
  if (before > 0 && findings.length > before) {
    console.error(`${findings.length} findings, and the lists allow ${before}: rewrite what is new (npm run language -- <part of a path>)`);
    process.exitCode = 1;
    return;
  }
  const folder = join(root, LEFT);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  for (const [list, entries] of listsOf(findings)) {
    const sorted = Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(join(root, list), `${JSON.stringify(sorted, null, 2)}\n`);
  }
}
