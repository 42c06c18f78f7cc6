import { RametError } from './ramet-error.ts';

/** The oldest Node that everything runs on; `engines` of the package says the same. */
const NODE: readonly [major: number, minor: number] = [22, 19];

/**
 * Loads the client library of an adapter, an optional peer dependency.
 * @param name the package, as `pg`
 * @param adapter the adapter that needs it, as `ramet/store/postgres`
 * @throws RametError Misconfigured when it is not installed, with the command that installs it
 */
export async function peer<T>(name: string, adapter: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message = '' } = error as { code?: string; message?: string };
    // If another package is missing, the library itself is not installed completely.
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw error;
    throw new RametError('Misconfigured', `'${adapter}' needs the package '${name}', which is not installed: run 'npm install ${name}'`, {
      cause: error,
    });
  }
}

/** Checks the version of Node. @returns what to do about a Node that is too old; undefined when it is not */
export function nodeProblem(version: string = process.versions.node): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return undefined;
  return `Ramet needs Node ${NODE.join('.')} or later, and this is ${version}: install the current LTS from https://nodejs.org`;
}

/** Loads a module of Node that older versions do not have. @throws RametError Misconfigured when this version does not have it */
export function builtin<T>(name: string, adapter: string): T {
  const found = process.getBuiltinModule?.(name) as T | undefined;
  if (found !== undefined) return found;
  throw new RametError('Misconfigured', nodeProblem() ?? `'${adapter}' needs '${name}', which this Node was built without`);
}
