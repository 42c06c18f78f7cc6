import { pathToFileURL } from 'node:url';
import { RametError } from '../errors/index.ts';
import { type Files, systemFiles } from '../platform/index.ts';
import { Secret } from './secret.ts';

/** A place of secrets. A client of a vault can be one: it must fetch its secrets before the start. */
export interface SecretSource {
  /** Reads the current value; undefined when there is none. @throws Error when it cannot be read */
  find(name: string): string | undefined;
  /** Names the place of a secret for messages: `the file /run/secrets/name`. */
  place(name: string): string;
}

/** The secrets of a process. */
export interface Secrets {
  /**
   * Gets a secret by name, such as `orders-database`. It is read when it is revealed, so a process needs only the secrets that it uses.
   * @throws RangeError when the text is not a name
   */
  get(name: string): Secret;
  /** Checks all of these secrets at once, for the boot. @returns why each cannot be revealed, by name and place; empty when all can */
  problems(names: Iterable<string>): string[];
  /** Masks the values that have been revealed so far, in text that leaves the process: the last line of defence before a log. */
  mask(text: string): string;
}

const NAME = /^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/;
const NAME_MAX = 100;
const FILE_MAX_BYTES = 64 * 1024;
/** Shorter values are not masked: they would match everywhere. */
const MASKED_FROM = 8;
/** How many values are remembered, so that a secret that is replaced again and again does not fill the memory. */
const REMEMBERED_MAX = 200;

/**
 * Reads secrets from the environment: `orders-database` is `ORDERS_DATABASE`.
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
 * Reads secrets from files, one for each, as Kubernetes and Docker mount them: `orders-database` is `<folder>/orders-database`. A file
 * is read whenever its secret is revealed. A line break at its end is not part of the value.
 * @example firstOf(files('/run/secrets'), environment()).get('orders-database')
 */
export function files(folder: string, reader: Pick<Files, 'readText'> = systemFiles): SecretSource {
  const path = (name: string) => `${folder.replace(/\/+$/, '')}/${name}`;
  return {
    find: (name) => reader.readText(pathToFileURL(path(name)), FILE_MAX_BYTES)?.replace(/\r?\n$/, ''),
    place: (name) => `the file ${path(name)}`,
  };
}

/** Looks up each secret in the first of `sources` that has it. An empty value counts as missing. */
export function firstOf(...sources: readonly SecretSource[]): Secrets {
  if (sources.length === 0) throw new RangeError("secrets are in no place: name one, as in 'firstOf(environment())'");
  const known = new Map<string, Secret>();
  const remembered = new Set<string>();
  let masked: readonly string[] = [];

  function remember(value: string): void {
    if (value.length < MASKED_FROM || remembered.has(value)) return;
    if (remembered.size >= REMEMBERED_MAX) remembered.delete(remembered.values().next().value as string);
    remembered.add(value);
    // The longest first: if one secret begins with another, masking the shorter would show the rest of the longer.
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
        `'${name.slice(0, NAME_MAX)}' is not the name of a secret: write small letters and digits, with single dashes and dots between them, as in 'orders-database' or 'tls.key'`,
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

/** Names the reason of a failed read by its code, if it has one: the message of a vault client may quote the value. */
function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string') return code;
  return error instanceof RangeError ? error.message : 'it failed';
}
