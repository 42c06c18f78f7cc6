import { FOLDERS, FRAMEWORK } from './layout.ts';
import { codeBlocks } from './markdown.ts';
import { type Check, type Finding, folderOf, isCode } from './source.ts';

const PAGE = 'ARCHITECTURE.md';

/** The tree of ARCHITECTURE.md names the folders that there are, and those of the framework in the order of their imports. */
export const tree: Check = (files) => {
  const page = files.find(({ path }) => path === PAGE);
  const block = page === undefined ? undefined : codeBlocks(page.text)[0];
  if (block === undefined) return [];
  const listed = pathsOf(block.text);
  const folders = new Set(files.filter(({ path }) => isCode(path) || path.endsWith('.md')).flatMap(({ path }) => foldersAround(path)));
  const finding = (line: number, message: string, instead: string): Finding => ({ path: PAGE, line, rule: 'tree', message, instead });
  const ranks = [...listed.keys()]
    .map((path) => (FOLDERS as readonly string[]).indexOf(path.slice(FRAMEWORK.length)))
    .filter((rank) => rank >= 0);
  return [
    ...[...listed]
      .filter(([path]) => !folders.has(path))
      .map(([path, line]) => finding(block.line + line, `the tree names ${path}, which does not exist`, 'remove it')),
    ...[...folders]
      .filter((path) => isShown(path) && !listed.has(path))
      .map((path) => finding(block.line, `the tree lacks ${path}`, 'add a line that says what it is')),
    ...(ranks.some((rank, at) => rank < (ranks[at - 1] ?? 0))
      ? [
          finding(
            block.line,
            'the folders of the framework are not in the order of their imports',
            'order them as in tools/checks/layout.ts',
          ),
        ]
      : []),
  ];
};

/** The folders that a newcomer looks for: the parts of the repository, and the rooms of the framework. */
function isShown(path: string): boolean {
  if (path.endsWith('/fixtures')) return false;
  if (path.startsWith(FRAMEWORK))
    return path.slice(FRAMEWORK.length).split('/').length <= 2 && !path.startsWith(`${FRAMEWORK}gateway/limits/`);
  return /^(?:[\w-]+|(?:shop|packages)\/(?!ramet$)[\w-]+)$/.test(path);
}

/** Each path of an indented tree, with its line: `packages/`, and below it, further in, `ramet/src/   what it is`. */
function pathsOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const open: { depth: number; path: string }[] = [];
  for (const [line, content] of text.split('\n').entries()) {
    const [, indent = '', name] = /^( *)(\S+)\/(?:\s|$)/.exec(content) ?? [];
    if (name === undefined) continue;
    while ((open.at(-1)?.depth ?? -1) >= indent.length) open.pop();
    const parent = open.at(-1)?.path;
    const path = parent === undefined ? name : `${parent}/${name}`;
    open.push({ depth: indent.length, path });
    found.set(path, line);
  }
  return found;
}

function foldersAround(path: string): string[] {
  const folders: string[] = [];
  for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) folders.push(folder);
  return folders;
}
