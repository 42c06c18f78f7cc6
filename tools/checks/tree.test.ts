import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { tree } from './tree.ts';

test('finds nothing where the tree names the folders that there are', () => {
  expect(found(tree, 'tree', 'right')).toEqual([]);
});

test('names folders that the tree lacks, folders that are gone, and an order that is not that of imports', () => {
  expect(found(tree, 'tree', 'wrong')).toEqual([
    'ARCHITECTURE.md:8  tree  the tree names packages/ramet/src/store/mysql, which does not exist (remove it)',
    'ARCHITECTURE.md:4  tree  the tree lacks packages/cli (add a line that says what it is)',
    'ARCHITECTURE.md:4  tree  the tree lacks packages/ramet/src/store/sqlite (add a line that says what it is)',
    'ARCHITECTURE.md:4  tree  the folders of the framework are not in the order of their imports (order them as in tools/checks/layout.ts)',
  ]);
});
