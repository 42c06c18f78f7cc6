import { expect, test } from 'vitest';
import { docLinks } from './doc-links.ts';
import { found } from './fixture.ts';

test('finds nothing where links lead to files and folders, and in quoted code', () => {
  expect(found(docLinks, 'doc-links', 'right')).toEqual([]);
});

test('names links that lead to nothing, to a heading that is not there, or out of the repository', () => {
  expect(found(docLinks, 'doc-links', 'wrong')).toEqual([
    'README.md:3  doc-links  docs/gone.md#start leads to docs/gone.md, which does not exist (correct the path, or add the file)',
    'README.md:5  doc-links  ./gone.md leads to gone.md, which does not exist (correct the path, or add the file)',
    'README.md:7  doc-links  #b leads to a heading that README.md does not have (correct the part behind the #)',
    'docs/guide.md:1  doc-links  ../../other/README.md leads to no place in the repository (correct the path, or add the file)',
    'docs/guide.md:3  doc-links  picture.svg leads to docs/picture.svg, which does not exist (correct the path, or add the file)',
  ]);
});
