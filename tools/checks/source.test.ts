import { expect, test } from 'vitest';
import { fixture } from './fixture.ts';
import { imports, strings } from './imports.ts';
import { layers, type SourceFile } from './source.ts';

function sample(path: string): SourceFile {
  return fixture('source', 'right').find((file) => file.path === path) as SourceFile;
}

test('code keeps its place when comments, strings, templates and regular expressions are taken out', () => {
  const { code, comments } = layers(sample('layers.ts'));
  expect(code.split('\n')).toEqual([
    "const a = '   ';         ",
    'const b = `     { n: `    1   ` }.n    `;      ',
    "      const c = d.replace(           g, '') / 2 / a;",
    '',
  ]);
  expect(comments.split('\n').map((line) => line.trim())).toEqual(["// don't", '/* it', 'is */', '']);
});

test('imports are read whichever way they are written, and those of types alone are known', () => {
  expect(imports(sample('imports.ts'))).toEqual([
    { specifier: './value.ts', line: 1, typeOnly: false },
    { specifier: './types.ts', line: 2, typeOnly: true },
    { specifier: './type.ts', line: 3, typeOnly: true },
    { specifier: './effect.ts', line: 4, typeOnly: false },
    { specifier: './again.ts', line: 5, typeOnly: false },
    { specifier: './lazy.ts', line: 7, typeOnly: false },
  ]);
});

test('strings are given as written, templates with placeholders are not', () => {
  expect(strings(sample('strings.ts'))).toEqual(['./a.ts', 'b', 'c']);
});
