import { prose } from './markdown.ts';
import { type Check, type Finding, folderOf, isCode, layers, lineAt, type SourceFile } from './source.ts';
import { VOCABULARY } from './vocabulary.ts';

/** The most words that a sentence of a document may have. */
const WORDS_MAX = 40;

/** One JSON file per folder of the repository: how many findings of each file are still to be rewritten. */
export const LEFT = 'tools/checks/language';

/** The vocabulary and its test contain its words; and a shop may describe its goods as it likes. */
const EXEMPT = /^tools\/checks\/(vocabulary|language\.test)\.ts$|^shop\/app\/services\/catalog\/data\/products\//;

/** The SQL of a migration that ran is never edited, not even its comments: existing stores hold its hash. */
const MIGRATIONS = /^packages\/ramet\/src\/\w+\/tables\.ts$/;

/** Finds words of the house vocabulary in prose, and sentences of documents that are too long. */
export function languageFindings(files: readonly SourceFile[]): Finding[] {
  return files.filter((file) => !EXEMPT.test(file.path)).flatMap((file) => [...words(file), ...longSentences(file)]);
}

/**
 * Refuses the vocabulary in documents, comments and strings, but for what the lists below `tools/checks/language` still allow.
 * A count that is too high is a finding as well, so that the lists only shrink.
 */
export const language: Check = (files) => {
  const allowed = allowedPerFile(files);
  const byPath = new Map<string, Finding[]>();
  for (const finding of languageFindings(files)) byPath.set(finding.path, [...(byPath.get(finding.path) ?? []), finding]);
  const findings: Finding[] = [];
  for (const [path, found] of byPath) {
    const entry = allowed.get(path);
    allowed.delete(path);
    if (entry === undefined) findings.push(...found);
    else if (found.length > entry.count) {
      const tooMany = `this file may have ${entry.count} findings and has ${found.length}`;
      findings.push(...found.map((finding) => ({ ...finding, message: `${finding.message} (${tooMany})` })));
    } else if (found.length < entry.count) {
      findings.push(shrink(entry.list, `${path} has only ${found.length} findings left, not ${entry.count}`));
    }
  }
  for (const [path, { list }] of allowed) findings.push(shrink(list, `${path} has no findings left`));
  return findings;
};

/** The lists that would allow exactly what there is today: the path of each, and its entries. */
export function listsOf(findings: readonly Finding[]): Map<string, Record<string, number>> {
  const lists = new Map<string, Record<string, number>>();
  for (const { path } of findings) {
    const list = listOf(path);
    const entries = lists.get(list) ?? {};
    entries[path] = (entries[path] ?? 0) + 1;
    lists.set(list, entries);
  }
  return lists;
}

/** The folder under which a file is counted: two levels, or the framework's own folders. */
export function areaOf(path: string): string {
  const folder = folderOf(path);
  const framework = /^packages\/ramet\/src\/[^/]+/.exec(folder)?.[0];
  return framework ?? (folder.split('/').slice(0, 2).join('/') || 'root');
}

export function allowedPerFile(files: readonly SourceFile[]): Map<string, { count: number; list: string }> {
  const allowed = new Map<string, { count: number; list: string }>();
  for (const { path: list, text } of files) {
    if (!list.startsWith(`${LEFT}/`)) continue;
    for (const [path, count] of Object.entries(JSON.parse(text) as Record<string, number>)) allowed.set(path, { count, list });
  }
  return allowed;
}

function listOf(path: string): string {
  return `${LEFT}/${areaOf(path).replaceAll('/', '.')}.json`;
}

function shrink(list: string, message: string): Finding {
  return { path: list, line: 1, rule: 'language', message, instead: 'run npm run language -- --write' };
}

function words(file: SourceFile): Finding[] {
  const text = readable(file);
  return VOCABULARY.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)].map((match) => ({
      path: file.path,
      line: lineAt(file.text, match.index),
      rule: 'language',
      message: `"${match[0].replaceAll(/\s+/g, ' ')}" is not plain English`,
      instead: `write ${instead}`,
    })),
  );
}

/** Stands where a comment or a string begins. */
const START = '\u0001';

/** What a person reads of a file, at its own offsets; everything else is blank. */
function readable(file: SourceFile): string {
  if (file.path.endsWith('.md')) return prose(file.text);
  if (!isCode(file.path)) return '';
  const { code, comments, strings: all } = layers(file);
  const strings = MIGRATIONS.test(file.path) ? all.replaceAll(/^--.*$/gm, (comment) => ' '.repeat(comment.length)) : all;
  const undecorated = prose(comments)
    .replaceAll(/^([ \t]*)(\/\/|\*(?!\/))/gm, (mark) => ' '.repeat(mark.length))
    .replaceAll(/\/\*\*?/g, (mark) => START.padEnd(mark.length));
  const shown = file.path.endsWith('x') ? elementText(code) : '';
  const starts = code.replaceAll(/[^'"`\n]/g, ' ').replaceAll(/['"`]/g, START);
  return file.text
    .split('')
    .map((char, at) => pick(undecorated, at) ?? pick(strings, at) ?? pick(shown, at) ?? pick(starts, at) ?? (char === '\n' ? char : ' '))
    .join('');
}

function pick(layer: string, at: number): string | undefined {
  const char = layer[at];
  return char === undefined || char.trim() === '' ? undefined : char;
}

/** The text between the tags of JSX. */
function elementText(code: string): string {
  let at = 0;
  let text = '';
  for (const match of code.matchAll(/(?<=>)[^<>{}()=;]+(?=<|\{)/g)) {
    text += ' '.repeat(match.index - at) + match[0];
    at = match.index + match[0].length;
  }
  return text + ' '.repeat(code.length - at);
}

const SENTENCE_END = /[.?!]["”’)*_]*(?=\s|$)/g;
const BLOCK_START = /^\s*(?:[-*+]\s|\d+[.)]\s|#|>|<|\[[^\]]+\]:)/;

function longSentences(file: SourceFile): Finding[] {
  if (!file.path.endsWith('.md')) return [];
  const findings: Finding[] = [];
  for (const { line, text } of blocks(file.text)) {
    for (const sentence of text.replaceAll(SENTENCE_END, '$&\u0000').split('\u0000')) {
      const count = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
      if (count <= WORDS_MAX) continue;
      findings.push({
        path: file.path,
        line,
        rule: 'language',
        message: `${count} words in one sentence: "${sentence.trim().replaceAll(/\s+/g, ' ').slice(0, 60)}…"`,
        instead: `write sentences of at most ${WORDS_MAX} words`,
      });
    }
  }
  return findings;
}

/** Paragraphs, list items, headings and cells of tables, each with the line on which it begins. A piece of quoted code is one word. */
function blocks(document: string): { line: number; text: string }[] {
  const coded = document.replaceAll(/(?<!`)(`+)(?!`)[^`\n]+\1(?!`)/g, (quoted) => `C${' '.repeat(quoted.length - 1)}`);
  const found: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [index, line] of prose(coded).split('\n').entries()) {
    const at = index + 1;
    if (/^\s*\|/.test(line)) {
      open = undefined;
      found.push(...line.split('|').map((text) => ({ line: at, text })));
    } else if (line.trim() === '') {
      open = undefined;
    } else if (open === undefined || BLOCK_START.test(line)) {
      open = { line: at, text: line };
      found.push(open);
    } else {
      open.text += `\n${line}`;
    }
  }
  return found;
}
