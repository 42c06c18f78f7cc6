import { prose } from './markdown.ts';
import { type Check, isCode, layers, lineAt, type SourceFile } from './source.ts';

const MARK = /\b(TODO|FIXME)\b(?!\([^\s()][^()]*\))/g;
const OTHER_TEXT = /\.(md|sql|ya?ml|sh|toml)$|^\.ci\//;

/** A mark of unfinished work names its owner. */
export const todo: Check = (files) =>
  files.flatMap((file) =>
    [...remarks(file).matchAll(MARK)].map((match) => ({
      path: file.path,
      line: lineAt(file.text, match.index),
      rule: 'todo',
      message: `${match[1]} without an owner`,
      instead: `do it now, or write ${match[1]}(name)`,
    })),
  );

function remarks(file: SourceFile): string {
  if (isCode(file.path)) return layers(file).comments;
  if (!OTHER_TEXT.test(file.path)) return '';
  return file.path.endsWith('.md') ? prose(file.text) : file.text;
}
