import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCode, type SourceFile } from './source.ts';

const OTHER_TEXT = /\.(md|json|sql|ya?ml|sh|toml)$|^\.ci\//;

/** All files under a folder but those that git ignores by the name of their folder, and the fixtures, which are wrong on purpose. */
export function readFiles(root: string): SourceFile[] {
  const ignored = new Set(['.git', ...ignoredFolders(root)]);
  const found: SourceFile[] = [];
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!ignored.has(entry.name) && path !== 'tools/fixtures') visit(path);
      } else if (entry.isFile()) {
        found.push({ path, text: isCode(path) || OTHER_TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '' });
      }
    }
  };
  visit('');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function ignoredFolders(root: string): string[] {
  const list = join(root, '.gitignore');
  if (!existsSync(list)) return [];
  return [...readFileSync(list, 'utf8').matchAll(/^([^#!/\s][^/\s]*)\/$/gm)].map((match) => match[1] as string);
}
