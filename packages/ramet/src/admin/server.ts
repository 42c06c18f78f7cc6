import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DeclaredError, RametError } from '../errors/index.ts';
import { createRouter, isJson, parseJsonBytes, parseQuery } from '../gateway/index.ts';
import { createHttpServer, type GatedRequest, problemAnswer, type WholeAnswer } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type EventLog, newTrace, type Trace } from '../telemetry/index.ts';
import type { Admin } from './admin.ts';
import type { AdminRoute } from './serve.ts';

export interface AdminServerOptions {
  readonly platform: Platform;
  readonly admin: Admin;
  readonly log: EventLog;
  readonly port: number;
  /** Where the token is written: a new one for each start, unless it is `shared`; readable by its owner only. */
  readonly tokenFile: string;
  /** Whether other processes serve on the same port: all of them take the token that the file has already. */
  readonly shared?: boolean;
}

/** Operators are few: they need no more connections. */
const CONNECTIONS = 256;
const LOCAL = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

/**
 * The operators' HTTP interface: on loopback only, for whoever can read the token file. It is never behind a gateway, and a
 * web page cannot reach it: the name it was asked for must be a local one, and the token is no cookie.
 */
export async function startAdminServer({
  platform,
  admin,
  log,
  port,
  tokenFile,
  shared = false,
}: AdminServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const given = shared ? tokenOf(tokenFile) : undefined;
  const token = given ?? Buffer.from(platform.random.bytes(32)).toString('base64url');
  if (given === undefined) writeToken(tokenFile, token);
  const router = createRouter<AdminRoute>();
  for (const route of admin.routes) router.add(route.method, route.path.replaceAll(/:(\w+)/g, '{$1}'), route);
  /** What the head says decides whether the body is read. */
  const admitted = ({ headers, method, segments }: GatedRequest) => {
    if (!LOCAL.test(headers.get('host') ?? '')) throw new RametError('Forbidden', 'The admin interface is asked for by a local name only');
    const shown = /^Bearer (\S+)$/.exec(headers.get('authorization') ?? '')?.[1];
    if (shown === undefined) throw new RametError('MissingToken', `The admin interface wants the token of ${tokenFile}`);
    if (!platform.crypto.equal(shown, token))
      throw new RametError('InvalidToken', `The token is not the one of ${tokenFile}; it may be new since the last start`);
    const matched = router.match(method, segments);
    if (!matched) throw new RametError('NotFound');
    if ('allowed' in matched) throw new RametError('MethodNotAllowed', `The methods here are ${matched.allowed.join(', ')}`);
    return matched;
  };
  const http = createHttpServer({
    platform,
    log,
    connections: CONNECTIONS,
    async answer(exchange) {
      const trace = newTrace(platform, {});
      try {
        const { route, params } = admitted(exchange.gated);
        const query = queryOf(exchange.gated.rawQuery);
        const value = await route.run({ params, query, body: bodyOf(exchange.gated, await exchange.body()) });
        const headers = { 'content-type': 'application/json; charset=utf-8', 'x-correlation-id': trace.correlationId };
        return { status: 200, headers, body: JSON.stringify(value) ?? '' };
      } catch (error) {
        if (!(error instanceof RametError || error instanceof DeclaredError)) log.event('admin_failed', { err: error });
        return inFull(error, trace);
      }
    },
    onRefused: (refused) => log.event('admin_refused', refused),
  });
  return { port: await http.listen(port, '127.0.0.1'), close: () => http.close() };
}

/** Operators may know what clients may not. */
function inFull(error: unknown, trace: Trace): WholeAnswer {
  const answer = problemAnswer(error, trace);
  const problem = JSON.parse(String(answer.body)) as { detail?: string };
  if (!(error instanceof RametError) || problem.detail?.startsWith(error.message)) return answer;
  return { ...answer, body: JSON.stringify({ ...problem, detail: `${error.message}. ${problem.detail ?? ''}` }) };
}

function queryOf(rawQuery: string): Record<string, string> {
  const query = parseQuery(rawQuery);
  if (!query.ok) throw new RametError('MalformedRequest', query.detail);
  return Object.fromEntries(query.pairs);
}

function bodyOf({ headers }: GatedRequest, bytes: Uint8Array | undefined): unknown {
  if (!bytes || bytes.length === 0) return {};
  if (!isJson(headers.get('content-type'))) throw new RametError('UnsupportedMediaType');
  const parsed = parseJsonBytes(bytes);
  if (!parsed.ok) throw new RametError('MalformedBody', parsed.detail, { issues: parsed.issues });
  return parsed.value;
}

/** A file that others can read holds no secret, and one that somebody else has put there is his. */
function tokenOf(file: string): string | undefined {
  try {
    const found = lstatSync(file);
    if (!found.isFile() || (found.mode & 0o077) !== 0 || found.uid !== (process.getuid?.() ?? found.uid)) return undefined;
    return /^[\w-]{43}$/.exec(readFileSync(file, 'utf8').trim())?.[0];
  } catch {
    return undefined;
  }
}

function writeToken(file: string, token: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${token}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
}
