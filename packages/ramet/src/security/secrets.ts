import { pathToFileURL } from 'node:url';
import { RametError } from '../errors/index.ts';
import { type Files, systemFiles } from '../platform/index.ts';
import { Secret } from './secret.ts';

/** Where secrets lie. A client of a vault is one more: what it fetched before the start is there to be found. */
export interface SecretSource {
  /** The value as it is now; undefined where there is none. @throws Error when that cannot be told */
  find(name: string): string | undefined;
  /** Where it looks for `name`, for people: `the file /run/secrets/name`. */
  place(name: string): string;
}

/** The secrets of a process. */
export interface Secrets {
  /**
   * The secret of this name, such as `orders-database`. It is looked up when it is revealed, so a process needs only what it uses.
   * @throws RangeError when that is no name
   */
  get(name: string): Secret;
  /** What keeps each of these from being revealed, by name and place: for boot, all at once. Empty when all are there. */
  problems(names: Iterable<string>): string[];
  /** Text without the values that have been revealed so far, for what leaves the process: the last line of defence before a log. */
  mask(text: string): string;
}

const NAME = /^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/;
const NAME_MAX = 100;
const FILE_MAX_BYTES = 64 * 1024;
/** Shorter ones would be found in every second line. */
const MASKED_FROM = 8;
/** A secret that is replaced for ever must not be remembered for ever. */
const REMEMBERED_MAX = 200;

/**
 * Secrets in the environment: `orders-database` is `ORDERS_DATABASE`.
 * @param options.prefix of the variables, such as `SHOP_`
 * @param options.variables default: those of this process
 */
export function environment(
  options: { readonly prefix?: string; readonly variables?: Readonly<Record<string, string | undefined>> } = {},
): SecretSource {
  const { prefix = '', variables = process.env } = options;
  const variable = (name: string) => `${prefix}${name.toUpperCase().replaceAll(/[.-]/g, '_')}`;
  return {
    find: (name) => variables[variable(name)],
    place: (name) => `the environment variable ${variable(name)}`,
  };
}

/**
 * Secrets as files, one for each, as Kubernetes and Docker mount them: `orders-database` is `<folder>/orders-database`. A file is
 * read anew whenever its secret is revealed. A line break at its end is not part of it.
 */
export function files(folder: string, reader: Pick<Files, 'readText'> = systemFiles): SecretSource {
  const path = (name: string) => `${folder.replace(/\/+$/, '')}/${name}`;
  return {
    find: (name) => reader.readText(pathToFileURL(path(name)), FILE_MAX_BYTES)?.replace(/\r?\n$/, ''),
    place: (name) => `the file ${path(name)}`,
  };
}

/** The secrets of the first of `sources` that has them. An empty one counts as missing. */
export function firstOf(...sources: readonly SecretSource[]): Secrets {
  if (sources.length === 0) throw new RangeError("secrets are in no place: name one, as in 'firstOf(environment())'");
  const known = new Map<string, Secret>();
  const remembered = new Set<string>();
  let masked: readonly string[] = [];

  function remember(value: string): void {
    if (value.length < MASKED_FROM || remembered.has(value)) return;
    if (remembered.size >= REMEMBERED_MAX) remembered.delete(remembered.values().next().value as string);
    remembered.add(value);
    // The longest first: where one secret begins with another, masking the shorter would leave the rest of the longer.
    masked = [...remembered].flatMap((each) => [each, JSON.stringify(each).slice(1, -1)]).sort((a, b) => b.length - a.length);
  }

  function read(name: string): string {
    for (const source of sources) {
      let value: string | undefined;
      try {
        value = source.find(name);
      } catch (error) {
        throw new RametError('SecretMissing', `the secret '${name}' cannot be read from ${source.place(name)}: ${reasonOf(error)}`);
      }
      if (value) {
        remember(value);
        return value;
      }
    }
    const places = sources.map((source) => source.place(name)).join(' and ');
    throw new RametError('SecretMissing', `the secret '${name}' is missing or empty: looked for ${places}`);
  }

  function get(name: string): Secret {
    const secret = known.get(name);
    if (secret) return secret;
    if (name.length > NAME_MAX || !NAME.test(name))
      throw new RangeError(
        `'${name.slice(0, NAME_MAX)}' is no name of a secret: write small letters and digits, with single dashes and dots between them, as in 'orders-database' or 'tls.key'`,
      );
    const made = new Secret(name, () => read(name));
    known.set(name, made);
    return made;
  }

  return {
    get,
    problems(names) {
      const problems: string[] = [];
      for (const name of new Set(names)) {
        try {
          get(name).reveal();
        } catch (error) {
          problems.push((error as Error).message);
        }
      }
      return problems;
    },
    mask: (text) => masked.reduce((rest, value) => rest.replaceAll(value, '[secret]'), text),
  };
}

/** By its code where it has one: the message of a client of a vault may quote what it got. */
function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string') return code;
  return error instanceof RangeError ? error.message : 'it failed';
}
