import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CreateError, createProject } from './create.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'create-ramet-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const read = (path: string) => readFileSync(join(cwd, path), 'utf8');
const manifest = (folder: string) =>
  JSON.parse(read(`${folder}/package.json`)) as {
    name: string;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
const messageOf = (target: string, ramet?: string): string => {
  try {
    createProject({ target, cwd, ...(ramet === undefined ? {} : { ramet }) });
  } catch (error) {
    expect(error).toBeInstanceOf(CreateError);
    return (error as Error).message;
  }
  throw new Error('it was created');
};

test('a project has every file of the template, under its own name', () => {
  const ramet = JSON.parse(readFileSync(join(import.meta.dirname, '../../ramet/package.json'), 'utf8')) as { version: string };
  const created = createProject({ target: 'hotel', cwd });
  expect(created).toEqual({ name: 'hotel', folder: join(cwd, 'hotel') });
  expect(manifest('hotel')).toMatchObject({
    name: 'hotel',
    dependencies: { ramet: `^${ramet.version}` },
    devDependencies: { '@ramet/cli': `^${ramet.version}` },
  });
  expect(read('hotel/README.md')).toMatch(/^# hotel\n/);
  expect(read('hotel/README.md')).not.toContain('my-app');
  expect(read('hotel/.gitignore')).toBe('node_modules/\n.data/\n');
  const template = join(import.meta.dirname, '../template');
  const made = readdirSync(join(cwd, 'hotel'), { recursive: true, encoding: 'utf8' });
  const wanted = readdirSync(template, { recursive: true, encoding: 'utf8' }).map((path) => path.replace(/^_gitignore$/, '.gitignore'));
  expect(made.sort()).toEqual(wanted.sort());
});

test('a nested folder, this folder and a scoped name are accepted', () => {
  expect(createProject({ target: 'some/where/hotel', cwd }).folder).toBe(join(cwd, 'some/where/hotel'));
  expect(createProject({ target: '@acme/shop', cwd })).toEqual({ name: '@acme/shop', folder: join(cwd, 'shop') });
  expect(manifest('shop').name).toBe('@acme/shop');
  const here = join(cwd, 'here');
  mkdirSync(here);
  expect(createProject({ target: '.', cwd: here })).toEqual({ name: 'here', folder: here });
});

test('files in a folder are not overwritten', () => {
  mkdirSync(join(cwd, 'hotel'));
  writeFileSync(join(cwd, 'hotel/package.json'), 'mine');
  expect(messageOf('hotel')).toMatch(/is not empty \(package\.json\).*choose another name, as 'hotel-2', or empty it/);
  expect(readdirSync(join(cwd, 'hotel'))).toEqual(['package.json']);
  expect(read('hotel/package.json')).toBe('mine');
  writeFileSync(join(cwd, 'file'), '');
  expect(messageOf('file')).toMatch(/is a file/);
});

test('an empty folder, and a repository without files, are filled', () => {
  mkdirSync(join(cwd, 'hotel/.git'), { recursive: true });
  createProject({ target: 'hotel', cwd });
  expect(manifest('hotel').name).toBe('hotel');
});

test('a name that npm would refuse creates nothing and proposes another', () => {
  expect(messageOf('My Hotel')).toBe("'My Hotel' cannot be the name of a project: it has capital letters. Try 'my-hotel'.");
  expect(messageOf('zod')).toMatch(/Try 'zod-app'/);
  expect(readdirSync(cwd)).toEqual([]);
});

test('ramet may be a version, a range or a tarball, whose path starts at the project', () => {
  writeFileSync(join(cwd, 'ramet-0.1.0.tgz'), '');
  expect(messageOf('a/b', './ramet-0.1.0.tgz')).toMatch(/ramet-cli-0\.1\.0\.tgz is missing\. Pack @ramet\/cli into the same folder/);
  for (const name of ['ramet-cli', 'ramet-deploy', 'create-ramet']) writeFileSync(join(cwd, `${name}-0.1.0.tgz`), '');
  createProject({ target: 'a/b', cwd, ramet: './ramet-0.1.0.tgz' });
  expect(manifest('a/b').dependencies['ramet']).toBe('file:../../ramet-0.1.0.tgz');
  expect(manifest('a/b').devDependencies).toMatchObject({
    '@ramet/cli': 'file:../../ramet-cli-0.1.0.tgz',
    '@ramet/deploy': 'file:../../ramet-deploy-0.1.0.tgz',
    'create-ramet': 'file:../../create-ramet-0.1.0.tgz',
  });
  createProject({ target: 'c', cwd, ramet: 'ramet-0.1.0.tgz' });
  expect(manifest('c').dependencies['ramet']).toBe('file:../ramet-0.1.0.tgz');
  createProject({ target: 'd', cwd, ramet: '0.1.0-next.1' });
  expect(manifest('d')).toMatchObject({ dependencies: { ramet: '0.1.0-next.1' }, devDependencies: { '@ramet/cli': '0.1.0-next.1' } });
  expect(messageOf('e', './nowhere.tgz')).toMatch(/there is no file .*nowhere\.tgz/);
  expect(readdirSync(cwd)).not.toContain('e');
});
