/**
 * What every check works on. A *source file* is a path in the repository and its text; a check is a pure function from
 * all of them to *findings*, so that it can be tried on files that are wrong on purpose (`tools/fixtures`).
 */
export interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  /** Empty for files that are not text. */
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  /** What to write instead. */
  readonly instead?: string;
}

/** As people and editors read it: `file:line  rule  message (what to use instead)`. */
export function inOneLine({ path, line, rule, message, instead }: Finding): string {
  return `${path}:${line}  ${rule}  ${message}${instead === undefined ? '' : ` (${instead})`}`;
}

export type Check = (files: readonly SourceFile[]) => Finding[];

/** A file's text in layers of equal length: what is not of the layer is blank, so that offsets and lines are the text's own. */
export interface Layers {
  /** Code without comments and without the contents of strings; their quotes stay. */
  readonly code: string;
  readonly comments: string;
  /** The contents of strings and templates, without their quotes and placeholders. */
  readonly strings: string;
}

export function isCode(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path) && !/\.d\.[cm]?ts$/.test(path);
}

/** Tests, type tests, conformance suites, simulations and benchmarks: what is not shipped. */
export function isTest(path: string): boolean {
  return /\.(test|test-d|conformance|simulation|bench|fixture)\.ts$/.test(path) || /(^|\/)conformance\.ts$/.test(path);
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** Cached per file, because a dozen checks use it. */
const layersOf = new WeakMap<SourceFile, Layers>();

export function layers(file: SourceFile): Layers {
  const known = layersOf.get(file);
  if (known) return known;
  const made = separate(file.text);
  layersOf.set(file, made);
  return made;
}

/** A slash begins a regular expression where an operand may stand, else it divides. */
const OPERAND_MAY_FOLLOW = /(^|[(,=:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))$/;

function separate(text: string): Layers {
  const code = text.split('');
  const comments = text.replace(/[^\n]/g, ' ').split('');
  const strings = [...comments];
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (code[i] !== '\n') code[i] = ' ';
  };
  const moveToStrings = (from: number, to: number) => {
    for (let i = from; i < to; i++) strings[i] = text[i] as string;
    blank(from, to);
  };
  /** For each template literal that is open around us: how many braces are open inside its `${`. */
  const templates: number[] = [];
  let at = 0;

  const templateText = () => {
    const from = at;
    for (; at < text.length; at++) {
      if (text[at] === '\\') at += 1;
      else if (text[at] === '`') {
        moveToStrings(from, at);
        at += 1;
        return;
      } else if (text[at] === '$' && text[at + 1] === '{') {
        moveToStrings(from, at);
        blank(at, at + 2);
        at += 2;
        templates.push(0);
        return;
      }
    }
    moveToStrings(from, at);
  };

  while (at < text.length) {
    const char = text[at];
    if (char === '/' && (text[at + 1] === '/' || text[at + 1] === '*')) {
      const end = text[at + 1] === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2);
      const to = end === -1 ? text.length : text[at + 1] === '/' ? end : end + 2;
      for (let i = at; i < to; i++) comments[i] = text[i] as string;
      blank(at, to);
      at = to;
    } else if (char === '"' || char === "'") {
      const from = at + 1;
      for (at = from; at < text.length && text[at] !== char && text[at] !== '\n'; at++) if (text[at] === '\\') at += 1;
      moveToStrings(from, Math.min(at, text.length));
      at += 1;
    } else if (char === '`') {
      at += 1;
      templateText();
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      blank(at, at + 1);
      at += 1;
      templateText();
    } else if (
      char === '/' &&
      OPERAND_MAY_FOLLOW.test(
        code
          .slice(Math.max(0, at - 200), at)
          .join('')
          .trimEnd(),
      )
    ) {
      const from = at;
      let inClass = false;
      for (at += 1; at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/'); at++) {
        if (text[at] === '\\') at += 1;
        else if (text[at] === '[') inClass = true;
        else if (text[at] === ']') inClass = false;
      }
      blank(from, Math.min(at + 1, text.length));
      at += 1;
    } else {
      const open = templates.length - 1;
      if (open >= 0 && char === '{') templates[open] = (templates[open] as number) + 1;
      if (open >= 0 && char === '}') templates[open] = (templates[open] as number) - 1;
      at += 1;
    }
  }
  return { code: code.join(''), comments: comments.join(''), strings: strings.join('') };
}

export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

/** `a/b/../c` as `a/c`; undefined when it leaves the repository. */
export function normal(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}
