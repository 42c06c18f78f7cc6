import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Platform } from '../platform/index.ts';
import type { WrongMethod } from './router.ts';

/** A folder of files that browsers get at `/`: a web site as its builder (such as Vite) has written it. */
export interface Site {
  readonly kind: 'site';
  readonly folder: URL;
  readonly policy: string;
}

/** The default policy: a page may load from its own origin alone. Scripts and styles are files, never inline. */
const OWN_ORIGIN_ONLY = [
  "default-src 'none'",
  ...['script', 'style', 'font', 'connect', 'manifest'].map((what) => `${what}-src 'self'`),
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves a built web site beside the routes of a gateway; a route wins over a file. A path without an extension that matches
 * neither gets the site's `index.html` when a browser requests a page, so that links into a single-page application work.
 * The site is public and not limited: its files are read once, at boot.
 * @param d.folder the output of the builder, with an `index.html`; the process does not start without it
 * @param d.policy the content security policy of its answers (default: everything from this origin, nothing inline)
 * @example
 * gateway('web', { routes: [site({ folder: new URL('./storefront/dist/', import.meta.url) })] })
 */
export const site = (d: { folder: URL; policy?: string }): Site => ({
  kind: 'site',
  folder: d.folder,
  policy: d.policy ?? OWN_ORIGIN_ONLY,
});

/** The answer to a request for a file. */
export interface SiteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** The part of a request that a site looks at. */
export interface SiteRequest {
  readonly method: string;
  /** The decoded segments of the canonical path. */
  readonly segments: readonly string[];
  readonly headers: ReadonlyMap<string, string>;
}

/** A site that has been read. */
export interface CompiledSite {
  /** Answers a request for a file. @returns undefined when the site does not have the file */
  match(request: SiteRequest): SiteAnswer | WrongMethod | undefined;
  /** Compresses the files outside the event loop. Until it resolves, files are sent uncompressed. */
  prepare(): Promise<void>;
}

/** The label of the answers of a site in metrics: one for all files, because they are too many. */
export const SITE_PATTERN = '(site)';

/** A site is held in memory. A larger folder is not a site, but was named by mistake. */
const MAX_BYTES = 64 * 1024 * 1024;
const SMALLEST_TO_COMPRESS = 1_024;
/** A file in this folder whose name ends in a hash of its content never changes. Vite writes such files there. */
const HASHED = /^assets\/.*[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  map: 'application/json',
  webmanifest: 'application/manifest+json',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  xml: 'application/xml',
  wasm: 'application/wasm',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|manifest\+json|xml|wasm)|image\/(?:svg\+xml|x-icon))/;

type Encoding = 'br' | 'gzip' | 'identity';

interface SiteFile {
  readonly type: string;
  readonly hash: string;
  readonly cacheControl: string;
  readonly bodies: Map<Encoding, Uint8Array>;
}

/** Reads the site of a gateway. @param sites the sites that it declares: none or one @returns the site, and what is wrong with it */
export function compileSite(
  platform: Platform,
  where: string,
  sites: readonly Site[],
): { site: CompiledSite | undefined; problems: string[] } {
  const [declared, ...others] = sites;
  if (!declared) return { site: undefined, problems: [] };
  if (others.length > 0)
    return { site: undefined, problems: [`${where}: there are ${sites.length} sites, which serve the same paths; keep one`] };
  const files = new Map<string, SiteFile>();
  try {
    const folder = new URL(declared.folder.href.replace(/\/?$/, '/'));
    for (const { path, bytes } of platform.files.readTree(folder, MAX_BYTES)) files.set(path, fileOf(platform, path, bytes));
  } catch (error) {
    return {
      site: undefined,
      problems: [`${where}: the site cannot be read (${(error as Error).message}); build it, or correct 'folder'`],
    };
  }
  if (!files.has('index.html')) {
    const problem = `${where}: the site at '${declared.folder.pathname}' has no index.html; build it, or name the folder that the build writes`;
    return { site: undefined, problems: [problem] };
  }
  return {
    site: { match: (request) => answerOf(files, declared.policy, request), prepare: () => compressAll([...files.values()]) },
    problems: [],
  };
}

function fileOf({ crypto }: Platform, path: string, bytes: Uint8Array): SiteFile {
  const extension = /\.([a-z0-9]+)$/.exec(path)?.[1] ?? '';
  return {
    type: TYPES[extension] ?? 'application/octet-stream',
    // One character per byte, so that different bytes are different texts.
    hash: crypto.sha256(Buffer.from(bytes).toString('latin1')).slice(0, 32),
    cacheControl: HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    bodies: new Map([['identity', bytes]]),
  };
}

function answerOf(files: ReadonlyMap<string, SiteFile>, policy: string, request: SiteRequest): SiteAnswer | WrongMethod | undefined {
  const path = request.segments.join('/');
  const named = files.get(path === '' ? 'index.html' : path);
  const file = named ?? (isPage(path, request) ? files.get('index.html') : undefined);
  if (!file) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') return named ? { allowed: ['GET', 'HEAD'] } : undefined;
  const headers: Record<string, string> = {
    'content-security-policy': policy,
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    // Whether a path without an extension is a page depends on the header `accept`.
    vary: named ? 'Accept-Encoding' : 'Accept, Accept-Encoding',
  };
  const { encoding, body } = encoded(file, request.headers.get('accept-encoding') ?? '');
  const etag = `"${file.hash}${encoding === 'identity' ? '' : `-${encoding}`}"`;
  Object.assign(headers, { 'cache-control': file.cacheControl, etag });
  if (isKnown(etag, request.headers.get('if-none-match'))) return { status: 304, headers, body: '' };
  Object.assign(headers, { 'content-type': file.type, 'content-length': String(body.byteLength) });
  if (encoding !== 'identity') headers['content-encoding'] = encoding;
  return { status: 200, headers, body: request.method === 'HEAD' ? '' : body };
}

/** Whether a browser navigates to the path: not a script that requests data, and not a page that requests a missing file. */
function isPage(path: string, { headers }: SiteRequest): boolean {
  const lastSegment = path.slice(path.lastIndexOf('/') + 1);
  return !lastSegment.includes('.') && accepts(headers.get('accept') ?? '', 'text/html');
}

/** Whether a list such as `text/html;q=0.9, gzip;q=0` accepts `what` by name. A wildcard does not count. */
function accepts(list: string, what: string): boolean {
  for (const entry of list.split(',')) {
    const [name, ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    if (name === what) return !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  }
  return false;
}

/** Finds the smallest form of a file that a client can read. */
function encoded(file: SiteFile, acceptEncoding: string): { encoding: Encoding; body: Uint8Array } {
  for (const encoding of ENCODINGS) {
    const body = file.bodies.get(encoding);
    if (body && accepts(acceptEncoding, encoding)) return { encoding, body };
  }
  return { encoding: 'identity', body: file.bodies.get('identity') as Uint8Array };
}

/** The better one first. */
const ENCODINGS = ['br', 'gzip'] as const;
const LARGE_BYTES = 1024 * 1024;
/** How many files are compressed at once: each takes a thread of a pool that other work needs too. */
const LANES = 2;
const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

async function compressAll(files: readonly SiteFile[]): Promise<void> {
  const waiting = files.filter(({ type, bodies }) => COMPRESSIBLE.test(type) && plainOf(bodies).byteLength >= SMALLEST_TO_COMPRESS);
  const lane = async () => {
    for (let file = waiting.pop(); file; file = waiting.pop()) {
      const plain = plainOf(file.bodies);
      for (const encoding of ENCODINGS) {
        const body = await compress(encoding, plain);
        if (body.byteLength < plain.byteLength) file.bodies.set(encoding, body);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const plainOf = (bodies: SiteFile['bodies']): Uint8Array => bodies.get('identity') as Uint8Array;

/** Large files are compressed less: a process must not take minutes to start. */
function compress(encoding: 'br' | 'gzip', bytes: Uint8Array): Promise<Uint8Array> {
  const large = bytes.byteLength > LARGE_BYTES;
  if (encoding === 'gzip') return zip(bytes, { level: large ? 6 : 9 });
  return brotli(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: large ? 5 : 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength },
  });
}

/** Compares a list of tags, or `*`, by RFC 9110, 13.1.2: weak tags count as strong ones. */
function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
