import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nameProblem, nearestName } from './name.ts';

/** An error whose text says what is wrong and what to do. It is printed without a stack. */
export class CreateError extends Error {}

/** Options of {@link createProject}. */
export interface CreateOptions {
  /** The folder of the project, relative to `cwd`, or `@scope/name`; `.` is `cwd` itself. */
  readonly target: string;
  readonly cwd: string;
  /** The `ramet` to install: a version, a range, or the path of a packed tarball. Default: the version that this package was published with. */
  readonly ramet?: string;
}

/** A project that was created. */
export interface Created {
  readonly folder: string;
  readonly name: string;
}

const template = fileURLToPath(new URL('../template/', import.meta.url));
/** npm excludes a file with the name `.gitignore` from packages, so it has another name in ours. */
const GITIGNORE = '_gitignore';

/**
 * Creates a project: the files of the template, with the name of the project.
 * @throws CreateError when the name, the folder or the version cannot be used; in this case nothing is written
 */
export function createProject({ target, cwd, ramet }: CreateOptions): Created {
  const scoped = /^@[^/\\]+[/\\]([^/\\]+)$/.exec(target);
  const folder = resolve(cwd, scoped?.[1] ?? target);
  const name = scoped ? target.replace('\\', '/') : basename(folder);
  const problem = nameProblem(name);
  if (problem !== undefined) {
    const near = nearestName(scoped?.[1] ?? name);
    throw new CreateError(
      `'${name}' cannot be the name of a project: ${problem}. ${near === undefined ? 'Choose another name' : `Try '${near}'`}.`,
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
    `${folder} is not empty (${some}), and files are never overwritten: choose another name, as '${nearestName(`${name}-2`)}', or empty it first.`,
  );
}

/** Names a tarball by its path from the project, with the slashes that npm expects on every system. */
function dependency(ramet: string, cwd: string, folder: string): string {
  const looksLikePath = /[/\\]|\.tgz$/.test(ramet) && !/^[a-z+]+:/.test(ramet.replace(/^[A-Za-z]:[\\/]/, ''));
  if (!looksLikePath) return ramet;
  const tarball = resolve(cwd, ramet);
  if (!existsSync(tarball))
    throw new CreateError(`--ramet ${ramet}: there is no file ${tarball}. Write a version, as 0.1.0, or the path of a packed tarball.`);
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
