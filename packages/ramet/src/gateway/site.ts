import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Platform } from '../platform/index.ts';
import type { WrongMethod } from './router.ts';

/** A folder of files that a browser gets at `/`: a web site as its builder (Vite, for one) has written it. */
export interface Site {
  readonly kind: 'site';
  readonly folder: URL;
  readonly policy: string;
}

/** What a page may do: load from where it came from, and nothing else. Scripts and styles stand in files, never in the page. */
const OWN_ORIGIN_ONLY = [
  "default-src 'none'",
  ...['script', 'style', 'font', 'connect', 'manifest'].map((what) => `${what}-src 'self'`),
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves a built web site beside the routes of a gateway, which win over it. A path without an extension that nothing else
 * takes gets the site's `index.html` when a page was asked for, so that a link into a single-page application works.
 * Anybody may read it, and it is not limited: its files are read once, at boot.
 * @param d.folder what the builder has written, with an `index.html`; the process does not start without it
 * @param d.policy the content security policy of its answers (default: everything from this origin, nothing inline)
 */
export const site = (d: { folder: URL; policy?: string }): Site => ({
  kind: 'site',
  folder: d.folder,
  policy: d.policy ?? OWN_ORIGIN_ONLY,
});

/** What a request for a file is answered with. */
export interface SiteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface SiteRequest {
  readonly method: string;
  /** Decoded, as the canonical path has them. */
  readonly segments: readonly string[];
  readonly headers: ReadonlyMap<string, string>;
}

export interface CompiledSite {
  /** @returns undefined when the site has nothing there */
  match(request: SiteRequest): SiteAnswer | WrongMethod | undefined;
  /** Makes the small forms of its files, beside the event loop. Until it resolves, files are answered as they are. */
  prepare(): Promise<void>;
}

/** The label of a site's answers in metrics: the names of files are too many. */
export const SITE_PATTERN = '(site)';

/** A site is held in memory: what is larger is no site, but a folder that was named by mistake. */
const MAX_BYTES = 64 * 1024 * 1024;
const SMALLEST_TO_COMPRESS = 1_024;
/** A file under this folder whose name ends in a hash of its content never changes. It is where Vite puts them. */
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

/** Reads a gateway's site. @param sites of one gateway: none, or one @returns what is wrong with it as well */
export function compileSite(
  platform: Platform,
  where: string,
  sites: readonly Site[],
): { site: CompiledSite | undefined; problems: string[] } {
  const [declared, ...others] = sites;
  if (!declared) return { site: undefined, problems: [] };
  if (others.length > 0) return { site: undefined, problems: [`${where}: has ${sites.length} sites, which take the same paths; keep one`] };
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
    // Whether a path without an extension is a page depends on what was asked for.
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

/** Whether a browser goes there, and not a script that asks for data, nor a page for a file that it misses. */
function isPage(path: string, { headers }: SiteRequest): boolean {
  const lastSegment = path.slice(path.lastIndexOf('/') + 1);
  return !lastSegment.includes('.') && accepts(headers.get('accept') ?? '', 'text/html');
}

/** Whether a list such as `text/html;q=0.9, gzip;q=0` names `what` and does not rule it out. A wildcard names nothing. */
function accepts(list: string, what: string): boolean {
  for (const entry of list.split(',')) {
    const [name, ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    if (name === what) return !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  }
  return false;
}

/** The smallest form of a file that a client can read. */
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
/** How many files are compressed at once: each takes a thread that others wait for too. */
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

/** RFC 9110, 13.1.2: a list of tags, compared without their weakness, or `*`. */
function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
