import { anchors, prose } from './markdown.ts';
import { type Check, type Finding, folderOf, lineAt, normal, type SourceFile } from './source.ts';

const LINK =
  /\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?(?:\s+["'][^\n]*?["'])?\s*\)|^[ \t]*\[[^\]\n]+\]:[ \t]*<?([^\s<>]+)|\b(?:href|src|srcset)="([^"\s]+)"/gm;

/** A relative link in a document leads to a file or a folder of the repository, and behind a # to a heading that is there. */
export const docLinks: Check = (files) => {
  const places = new Set(['']);
  for (const { path } of files) for (let place = path; place !== ''; place = folderOf(place)) places.add(place);
  const headings = new Map(files.filter(({ path }) => path.endsWith('.md')).map(({ path, text }) => [path, anchors(text)]));
  return files.filter(({ path }) => path.endsWith('.md')).flatMap((file) => linksOf(file).flatMap((link) => wrong(link, places, headings)));
};

interface Link {
  readonly text: string;
  readonly from: string;
  readonly line: number;
}

function linksOf(file: SourceFile): Link[] {
  return [...prose(file.text).matchAll(LINK)].map((match) => {
    const text = match[1] ?? match[2] ?? match[3] ?? '';
    return { text, from: file.path, line: lineAt(file.text, match.index + match[0].indexOf(text)) };
  });
}

function wrong({ text, from, line }: Link, places: ReadonlySet<string>, headings: ReadonlyMap<string, ReadonlySet<string>>): Finding[] {
  if (text === '' || /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(text)) return [];
  const target = decodeURI(text.replace(/[#?].*$/, ''));
  const path = target === '' ? from : normal(target.startsWith('/') ? target : `${folderOf(from)}/${target}`);
  const finding = { path: from, line, rule: 'doc-links' };
  if (path === undefined || !places.has(path)) {
    const where = path === undefined ? 'no place in the repository' : `${path}, which does not exist`;
    return [{ ...finding, message: `${text} leads to ${where}`, instead: 'correct the path, or add the file' }];
  }
  const heading = /#(.+)$/.exec(text)?.[1];
  if (heading === undefined || headings.get(path)?.has(heading) !== false) return [];
  return [{ ...finding, message: `${text} leads to a heading that ${path} does not have`, instead: 'correct the part behind the #' }];
}
