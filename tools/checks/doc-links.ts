import { prose } from './markdown.ts';
import { type Check, type Finding, folderOf, lineAt, normal } from './source.ts';

const LINK =
  /\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?(?:\s+["'][^\n]*?["'])?\s*\)|^[ \t]*\[[^\]\n]+\]:[ \t]*<?([^\s<>]+)|\b(?:href|src|srcset)="([^"\s]+)"/gm;

/** A relative link in a document leads to a file or a folder of the repository. */
export const docLinks: Check = (files) => {
  const places = new Set(['']);
  for (const { path } of files) for (let place = path; place !== ''; place = folderOf(place)) places.add(place);
  const findings: Finding[] = [];
  for (const file of files) {
    if (!file.path.endsWith('.md')) continue;
    for (const match of prose(file.text).matchAll(LINK)) {
      const link = match[1] ?? match[2] ?? match[3] ?? '';
      const target = decodeURI(link.replace(/[#?].*$/, ''));
      if (target === '' || /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(link)) continue;
      const path = normal(target.startsWith('/') ? target : `${folderOf(file.path)}/${target}`);
      if (path !== undefined && places.has(path)) continue;
      findings.push({
        path: file.path,
        line: lineAt(file.text, match.index + match[0].indexOf(link)),
        rule: 'doc-links',
        message: `${link} leads to ${path === undefined ? 'no place in the repository' : `${path}, which does not exist`}`,
        instead: 'correct the path, or add the file',
      });
    }
  }
  return findings;
};
