/** A fenced block of a document. */
export interface CodeBlock {
  readonly language: string;
  /** The line of the document on which the code begins. */
  readonly line: number;
  readonly text: string;
  /** What `// file: <path>` in its first line says. */
  readonly file?: string;
  /** The HTML comments right before and right after the block, without their marks. */
  readonly before?: string;
  readonly after?: string;
}

const FENCE = /^([ \t]*)(`{3,}|~{3,})[ \t]*([\w-]*)[^\n`]*\n([\s\S]*?)^[ \t]*\2[`~]*[ \t]*$/gm;

export function codeBlocks(text: string): CodeBlock[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [whole, indent = '', , language = '', code = ''] = match;
    const file = /^\s*\/\/ file: (\S+)\s*$/m.exec(code.split('\n', 1)[0] ?? '')?.[1];
    const before = /<!--([^>]*?)-->\s*$/.exec(text.slice(0, match.index))?.[1]?.trim();
    const after = /^\s*<!--([\s\S]*?)-->/.exec(text.slice(match.index + whole.length))?.[1]?.trim();
    return {
      language,
      line: text.slice(0, match.index).split('\n').length + 1,
      text: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      ...(file === undefined ? {} : { file }),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
  });
}

/** A document without what it quotes as code, at the same offsets. */
export function prose(text: string): string {
  const blank = (quoted: string) => quoted.replace(/[^\n]/g, ' ');
  return text.replace(FENCE, blank).replace(/(?<!`)(`+)(?!`)(?:(?!\n\s*\n)[\s\S])*?(?<!`)\1(?!`)/g, blank);
}

/** What a link may name behind its #: the headings of a document, as GitHub makes anchors of them. */
export function anchors(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, title = ''] of text.replace(FENCE, '').matchAll(/^#{1,6}[ \t]+(.+?)[ \t]*$/gm)) {
    const anchor = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    let name = anchor;
    for (let n = 1; found.has(name); n++) name = `${anchor}-${n}`;
    found.add(name);
  }
  return found;
}
