import { builtinModules } from 'node:module';

/** The packages that the project installs: npm refuses a project that has the name of one of them. */
const INSTALLED = ['ramet', 'zod', 'typescript', '@types/node'];
/** Folders of these names cannot be made on Windows, with or without an ending. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;
const PART = /^[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * What is wrong with the name of a project, by the rules of npm for new packages; undefined when nothing is.
 * Source: https://docs.npmjs.com/cli/configuring-npm/package-json#name
 */
export function nameProblem(name: string): string | undefined {
  if (name.length > 214) return 'it has more than 214 characters';
  if (name !== name.toLowerCase()) return 'it has capital letters';
  const [, scope, part = ''] = /^(?:@([^/]*)\/)?(.*)$/s.exec(name) ?? [];
  if (part === '') return 'it is empty';
  if ((scope !== undefined && !PART.test(scope)) || !PART.test(part))
    return 'npm allows lower-case letters, digits, - . _ and ~, and neither . nor _ at the beginning';
  if (part.endsWith('.') || WINDOWS_DEVICE.test(part)) return 'Windows cannot make a folder of that name';
  if (part === 'node_modules' || part === 'favicon.ico' || builtinModules.includes(name))
    return 'Node or npm has something else of that name';
  if (INSTALLED.includes(name)) return 'the project installs a package of that name';
  return undefined;
}

/** A name that npm accepts and that is as near to the given one as possible; undefined when nothing is left of it. */
export function nearestName(name: string): string | undefined {
  const near = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._-]+|[.-]+$/g, '')
    .slice(0, 214);
  if (nameProblem(near) === undefined) return near;
  return near !== '' && nameProblem(`${near}-app`) === undefined ? `${near}-app` : undefined;
}
