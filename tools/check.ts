import { join } from 'node:path';
import { adaptersConform } from './checks/adapters-conform.ts';
import { cycles } from './checks/cycles.ts';
import { deadFiles } from './checks/dead-files.ts';
import { direction } from './checks/direction.ts';
import { docCode } from './checks/doc-code.ts';
import { docLinks } from './checks/doc-links.ts';
import { readFiles } from './checks/files.ts';
import { functionMembers } from './checks/function-members.ts';
import { language } from './checks/language.ts';
import { logEvents } from './checks/log-events.ts';
import { notYet } from './checks/not-yet.ts';
import { oneDoor } from './checks/one-door.ts';
import { size } from './checks/size.ts';
import { inOneLine } from './checks/source.ts';
import { tables } from './checks/tables.ts';
import { todo } from './checks/todo.ts';
import { tree } from './checks/tree.ts';
import { typeNames } from './checks/type-names.ts';
import { deadCode, style, types } from './external.ts';

/** `npm run check`: everything that can be known of the code without running it. Lists all findings, not only the first. */
const root = join(import.meta.dirname, '..');
const started = performance.now();
const files = readFiles(root);

const outside = [types(root), style(root), deadCode(root), docCode(files, root, join(root, 'node_modules/.cache/ramet-docs'))];
const inside = [
  direction,
  cycles,
  oneDoor,
  deadFiles,
  size,
  adaptersConform,
  functionMembers,
  logEvents,
  tables,
  tree,
  typeNames,
  todo,
  docLinks,
  notYet,
  language,
].map((check) => check(files));
const results = [...inside, ...(await Promise.all(outside))];

const findings = results.flat().sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line));
for (const finding of findings) console.log(inOneLine(finding));

const failed = results.filter((result) => result.length > 0).length;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`check: ${results.length - failed} passed, ${failed} failed, ${findings.length} findings in ${seconds} s`);
process.exitCode = failed === 0 ? 0 : 1;
