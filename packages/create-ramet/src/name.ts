import { builtinModules } from 'node:module';

/** The packages that the project installs. npm refuses a project with the name of one of them. */
const INSTALLED = ['ramet', 'zod', 'typescript', '@types/node'];
/** Windows cannot create folders with these names, with or without an extension. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;
const PART = /^[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * Says what is wrong with the name of a project, by the rules of npm for new packages; undefined for a good name.
 * Source: https://docs.npmjs.com/cli/configuring-npm/package-json#name
 */
export function nameProblem(name: string): string | undefined {
  if (name.length > 214) return 'it has more than 214 characters';
  if (name !== name.toLowerCase()) return 'it has capital letters';
  const [, scope, part = ''] = /^(?:@([^/]*)\/)?(.*)$/s.exec(name) ?? [];
  if (part === '') return 'it is empty';
  if ((scope !== undefined && !PART.test(scope)) || !PART.test(part))
    return 'npm allows lower-case letters, digits, - . _ and ~, but not . or _ at the beginning';
  if (part.endsWith('.') || WINDOWS_DEVICE.test(part)) return 'Windows cannot create a folder with that name';
  if (part === 'node_modules' || part === 'favicon.ico' || builtinModules.includes(name))
    return 'Node or npm uses that name for something else';
  if (INSTALLED.includes(name)) return 'the project installs a package with that name';
  return undefined;
}

/** Finds the name nearest to the given one that npm accepts; undefined when no character of it can be used. */
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
