import { imports } from './imports.ts';
import { adapterAround, adaptersOf, FRAMEWORK } from './layout.ts';
import { type Check, type Finding, isCode, isTest, layers, lineAt, type SourceFile } from './source.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly what: string;
  readonly instead: string;
}

/** A name of the global scope, not a property of something else. */
const GLOBAL = String.raw`(?<![\w$.]|\.\s)(?:globalThis\s*\.\s*)?`;

function ban(pattern: string, what: string, instead: string): Ban {
  return { pattern: new RegExp(GLOBAL + pattern, 'g'), what, instead };
}

/** Time and chance, which only `platform/` may touch. */
const TIME_AND_CHANCE: readonly Ban[] = [
  ban(String.raw`Date\s*\.\s*now\b`, 'Date.now', 'use platform.clock.wallNow(), or platform.clock.monoNow() for durations'),
  ban(String.raw`new\s+Date\b(?!\s*\(\s*[^\s)])`, 'new Date()', 'use new Date(platform.clock.wallNow())'),
  ban(String.raw`(?<!new\s+)Date\s*\(`, 'Date()', 'use new Date(platform.clock.wallNow())'),
  ban(String.raw`performance\s*\.`, 'performance', 'use platform.clock.monoNow()'),
  ban(String.raw`process\s*\.\s*hrtime\b`, 'process.hrtime', 'use platform.clock.monoNow()'),
  ban(String.raw`setTimeout\b`, 'setTimeout', 'use platform.timers.set(), or platform.timers.sleep()'),
  ban(String.raw`setInterval\b`, 'setInterval', 'use new Periodic(platform, round), with an owner that stops it'),
  ban(String.raw`setImmediate\b`, 'setImmediate', 'use platform.timers.yield()'),
  ban(String.raw`AbortSignal\s*\.\s*timeout\b`, 'AbortSignal.timeout', 'use platform.timers.set() and an AbortController'),
  ban(String.raw`Math\s*\.\s*random\b`, 'Math.random', 'use platform.random.next()'),
  ban(String.raw`(?:[\w$]+\s*\.\s*)*randomUUID\b`, 'randomUUID', 'use newId(platform, prefix)'),
  ban(
    String.raw`(?:[\w$]+\s*\.\s*)*(?:randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b`,
    'random bytes of node:crypto',
    'use platform.random.bytes()',
  ),
  ban(String.raw`crypto\s*\.\s*random(?!UUID|Bytes|Int|Fill)\w*`, 'randomness of node:crypto', 'use platform.random.bytes()'),
];

/** The network by its global name, which adapters, transports and servers may use too. */
const NETWORK: readonly Ban[] = [ban(String.raw`fetch\s*\(`, 'fetch', 'use platform.http.fetch()')];

const TIMER_MODULES = /^(node:)?timers(\/promises)?$/;
const HTTP_MODULES = /^(node:)?https?$/;
const FILE_MODULES = /^(node:)?fs(\/promises)?$/;
const OTHER_IO_MODULES = /^(node:)?(net|http2|tls|dns|dns\/promises|dgram|worker_threads|child_process)$/;

/**
 * Framework code reaches time, chance, network and disk through the platform only, and keeps no state in modules: without
 * this there is no simulator.
 */
export const oneDoor: Check = (files) => {
  const adapters = adaptersOf(files);
  return files
    .filter((file) => isCode(file.path) && file.path.startsWith(FRAMEWORK) && !isTest(file.path))
    .flatMap((file) => [...reaches(file, adapters), ...moduleState(file)]);
};

function reaches(file: SourceFile, adapters: readonly string[]): Finding[] {
  const rest = file.path.slice(FRAMEWORK.length);
  if (rest.startsWith('platform/')) return [];
  const { code } = layers(file);
  const mayDoIo =
    adapterAround(file.path, adapters) !== undefined ||
    /^(http\/|admin\/token-file|simulation\/(command-line|storage))[^/]*\.ts$/.test(rest);
  const found: Finding[] = [];
  for (const { pattern, what, instead } of mayDoIo ? TIME_AND_CHANCE : [...TIME_AND_CHANCE, ...NETWORK]) {
    for (const match of code.matchAll(pattern)) {
      const end = match.index + match[0].length;
      if (isMemberName(code, match.index, end)) continue;
      const line = lineAt(file.text, match.index);
      found.push({ path: file.path, line, rule: 'one-door', message: `${what} goes past the platform`, instead });
    }
  }
  for (const { specifier, line, typeOnly } of imports(file)) {
    const instead = typeOnly ? undefined : insteadOf(specifier, mayDoIo);
    if (instead) found.push({ path: file.path, line, rule: 'one-door', message: `${specifier} goes past the platform`, instead });
  }
  return found;
}

function insteadOf(specifier: string, mayDoIo: boolean): string | undefined {
  if (TIMER_MODULES.test(specifier)) return 'use platform.timers';
  if (mayDoIo) return undefined;
  if (HTTP_MODULES.test(specifier)) return 'use platform.http.fetch(), or serve with http/';
  if (FILE_MODULES.test(specifier)) return 'use platform.files';
  return OTHER_IO_MODULES.test(specifier) ? 'do it in an adapter (store/*, bus/*, discovery/*, rpc/*) behind its port' : undefined;
}

/** Whether the match only names a member: `fetch(url) {` and `fetch(url): Response` in an object, class or interface; `setTimeout: …`. */
function isMemberName(code: string, start: number, end: number): boolean {
  const before = code.slice(0, start).trimEnd();
  const opensMember = /(^|[{,;}])$/.test(before) || /\b(async|readonly|get|set)$/.test(before) || before.endsWith('*');
  if (!opensMember) return false;
  if (!code.slice(start, end).trimEnd().endsWith('(')) {
    const after = code.slice(end).trimStart();
    return /^\??:/.test(after);
  }
  let depth = 1;
  let at = end;
  for (; at < code.length && depth > 0; at++) {
    if (code[at] === '(') depth += 1;
    if (code[at] === ')') depth -= 1;
  }
  return /^\s*[{:]/.test(code.slice(at));
}

function moduleState(file: SourceFile): Finding[] {
  const { code } = layers(file);
  const found: Finding[] = [];
  let depth = 0;
  for (const match of code.matchAll(/[{[(]|[}\])]|(?<![\w$.])(?:let|var)\s+(?=[\w$[{])/g)) {
    if (/^[{[(]/.test(match[0])) depth += 1;
    else if (/^[}\])]/.test(match[0])) depth -= 1;
    else if (depth === 0) {
      found.push({
        path: file.path,
        line: lineAt(file.text, match.index),
        rule: 'one-door',
        message: `module-level ${match[0].trim()} is state that all processes of a simulation would share`,
        instead: 'use const, or keep the state in what a create…() function returns',
      });
    }
  }
  return found;
}
