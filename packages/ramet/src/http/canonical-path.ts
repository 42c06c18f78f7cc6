/** A path in its one spelling, or why it was refused. */
export type CanonicalPath =
  | {
      readonly ok: true;
      /** The one spelling of the path, for services, caches and logs. */
      readonly path: string;
      /** The path split at its slashes and decoded, for the router. Empty for `/`. */
      readonly segments: readonly string[];
    }
  | { readonly ok: false; readonly detail: string };

/**
 * The characters that RFC 3986 allows in a path, except `;`: some servers know path parameters and others do not, and with that
 * difference a request can escape the rule that was meant for it. Quotes, brackets and braces are refused too, because the URL parsers
 * of other HTTP clients rewrite them and would then route another path than we did.
 */
const NOT_IN_PATH = /[^A-Za-z0-9\-._~!$&'()*+,=:@%/]/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/**
 * Brings a path into its one canonical spelling. Percent-escapes of unreserved characters are decoded, once; all others are kept, with
 * upper-case digits. Everything that two servers could read differently is refused and not resolved: dot segments, empty segments,
 * encoded slashes and control characters, escapes that are not UTF-8. A slash at the end is kept and gives an empty last segment.
 * The rules are RFC 3986, section 6.2.2, and the list of bypasses in Envoy's advice for edge proxies (`path_with_escaped_slashes`).
 * @param path the request target up to its first `?`
 */
export function canonicalPath(path: string): CanonicalPath {
  if (path.charCodeAt(0) !== 0x2f) return refused('The path does not begin with a slash');
  const stray = NOT_IN_PATH.exec(path);
  if (stray) return refused(`The path holds a character that is not allowed there, at position ${stray.index}`);

  let problem: string | undefined;
  const canonical = path.includes('%')
    ? path.replace(/%([0-9A-Fa-f]{2})?/g, (_, digits: string | undefined) => {
        if (digits === undefined) {
          problem ??= 'The path holds a percent sign without two hexadecimal digits';
          return '';
        }
        const byte = Number.parseInt(digits, 16);
        problem ??= dangerOf(byte);
        const character = String.fromCharCode(byte);
        return UNRESERVED.test(character) ? character : `%${digits.toUpperCase()}`;
      })
    : path;
  if (problem !== undefined) return refused(problem);
  if (canonical === '/') return { ok: true, path: '/', segments: [] };

  const segments = canonical.slice(1).split('/');
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string;
    if (segment === '' && i < segments.length - 1) return refused('The path holds two slashes in a row');
    if (segment === '.' || segment === '..') return refused('The path holds a dot segment');
    const decoded = decode(segment);
    if (decoded === undefined) return refused('The path holds escapes that are not UTF-8');
    segments[i] = decoded;
  }
  return { ok: true, path: canonical, segments };
}

function refused(detail: string): CanonicalPath {
  return { ok: false, detail };
}

function dangerOf(byte: number): string | undefined {
  if (byte < 0x20 || byte === 0x7f) return 'The path holds an encoded control character';
  if (byte === 0x2f || byte === 0x5c) return 'The path holds an encoded slash or backslash';
  return undefined;
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
