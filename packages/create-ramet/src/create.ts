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
  const versions = ramet === undefined ? undefined : versionsOf(ramet, cwd, folder);
  for (const path of filesIn(template)) {
    const to = join(folder, path === GITIGNORE ? '.gitignore' : path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, personal(path, readFileSync(join(template, path), 'utf8'), name, versions));
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

/** The packages of a project, by name, with the version or the tarball of each. */
interface Versions {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Gives all packages of the framework the same version. Tarballs are found beside each other, because no registry has their versions. */
function versionsOf(ramet: string, cwd: string, folder: string): Versions {
  const looksLikePath = /[/\\]|\.tgz$/.test(ramet) && !/^[a-z+]+:/.test(ramet.replace(/^[A-Za-z]:[\\/]/, ''));
  if (!looksLikePath) return { dependencies: { ramet }, devDependencies: { '@ramet/cli': ramet } };
  const tarball = resolve(cwd, ramet);
  if (!existsSync(tarball))
    throw new CreateError(`--ramet ${ramet}: there is no file ${tarball}. Write a version, as 0.1.0, or the path of a packed tarball.`);
  const [, version] = /^ramet-(\d.*)\.tgz$/.exec(basename(tarball)) ?? [];
  if (version === undefined) throw new CreateError(`--ramet ${ramet}: the name of the tarball is not as npm packs it, as ramet-0.1.0.tgz.`);
  const file = (path: string) => `file:${relative(folder, path).split(sep).join('/')}`;
  const beside = ['@ramet/cli', '@ramet/deploy', 'create-ramet'].map((name): [string, string] => {
    const path = join(dirname(tarball), `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    if (!existsSync(path)) throw new CreateError(`--ramet ${ramet}: ${path} is missing. Pack ${name} into the same folder.`);
    return [name, file(path)];
  });
  return { dependencies: { ramet: file(tarball) }, devDependencies: Object.fromEntries(beside) };
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile());
}

function personal(path: string, text: string, name: string, versions: Versions | undefined): string {
  if (path === 'README.md') return text.replaceAll('my-app', name);
  if (path !== 'package.json') return text;
  const manifest = JSON.parse(text) as { name: string } & Versions;
  const personalised = {
    ...manifest,
    name,
    dependencies: { ...manifest.dependencies, ...versions?.dependencies },
    devDependencies: { ...manifest.devDependencies, ...versions?.devDependencies },
  };
  return `${JSON.stringify(personalised, null, 2)}\n`;
}
