import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nameProblem, nearestName } from './name.ts';

/** Says what is wrong and what to do about it; printed without a stack. */
export class CreateError extends Error {}

export interface CreateOptions {
  /** The folder to make the project in, relative to `cwd`, or `@scope/name`; `.` is `cwd` itself. */
  readonly target: string;
  readonly cwd: string;
  /** What to install as `ramet`: a version, a range, or the path of a packed tarball. Default: what this package was published with. */
  readonly ramet?: string;
}

export interface Created {
  readonly folder: string;
  readonly name: string;
}

const template = fileURLToPath(new URL('../template/', import.meta.url));
/** npm leaves a file of this name out of packages, so it bears another one in ours. */
const GITIGNORE = '_gitignore';

/**
 * Makes a project: the files of the template under a name of its own.
 * @throws CreateError when the name, the folder or the version will not do; nothing is written then
 */
export function createProject({ target, cwd, ramet }: CreateOptions): Created {
  const scoped = /^@[^/\\]+[/\\]([^/\\]+)$/.exec(target);
  const folder = resolve(cwd, scoped?.[1] ?? target);
  const name = scoped ? target.replace('\\', '/') : basename(folder);
  const problem = nameProblem(name);
  if (problem !== undefined) {
    const near = nearestName(scoped?.[1] ?? name);
    throw new CreateError(
      `'${name}' cannot be the name of a project: ${problem}. ${near === undefined ? 'Choose another one' : `Try '${near}'`}.`,
    );
  }
  checkFolder(folder, name);
  const version = ramet === undefined ? undefined : dependency(ramet, cwd, folder);
  for (const path of filesIn(template)) {
    const to = join(folder, path === GITIGNORE ? '.gitignore' : path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, personal(path, readFileSync(join(template, path), 'utf8'), name, version));
  }
  return { folder, name };
}

function checkFolder(folder: string, name: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new CreateError(`${folder} is a file: choose another name, or move it away.`);
  const found = readdirSync(folder).filter((entry) => entry !== '.git');
  if (found.length === 0) return;
  const some = found.slice(0, 3).join(', ') + (found.length > 3 ? ', …' : '');
  throw new CreateError(
    `${folder} is not empty (${some}), and nothing in it is overwritten: choose another name, as '${nearestName(`${name}-2`)}', or empty it first.`,
  );
}

/** A tarball is named by its path from the project, with the slashes that npm expects on every system. */
function dependency(ramet: string, cwd: string, folder: string): string {
  const looksLikePath = /[/\\]|\.tgz$/.test(ramet) && !/^[a-z+]+:/.test(ramet.replace(/^[A-Za-z]:[\\/]/, ''));
  if (!looksLikePath) return ramet;
  const tarball = resolve(cwd, ramet);
  if (!existsSync(tarball))
    throw new CreateError(`--ramet ${ramet}: there is no ${tarball}. Give a version, as 0.1.0, or the path of a packed tarball.`);
  return `file:${relative(folder, tarball).split(sep).join('/')}`;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile());
}

function personal(path: string, text: string, name: string, ramet: string | undefined): string {
  if (path === 'README.md') return text.replaceAll('my-app', name);
  if (path !== 'package.json') return text;
  const manifest = JSON.parse(text) as { name: string; dependencies: Record<string, string> };
  manifest.name = name;
  if (ramet !== undefined) manifest.dependencies['ramet'] = ramet;
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
