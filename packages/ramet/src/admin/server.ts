import { DeclaredError, RametError } from '../errors/index.ts';
import { createRouter, isJson, parseJsonBytes, parseQuery } from '../gateway/index.ts';
import { createHttpServer, type GatedRequest, problemAnswer, type WholeAnswer } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type EventLog, newTrace, type Trace } from '../telemetry/index.ts';
import type { Admin } from './admin.ts';
import type { AdminRoute } from './serve.ts';
import { tokenIn, writeToken } from './token-file.ts';

/** What the admin server needs. */
export interface AdminServerOptions {
  readonly platform: Platform;
  readonly admin: Admin;
  readonly log: EventLog;
  readonly port: number;
  /** The file of the token, readable by its owner only. Each start writes a new token, unless the file is `shared`. */
  readonly tokenFile: string;
  /** Whether other processes serve on the same port: all of them use the token that is already in the file. */
  readonly shared?: boolean;
}

/** Operators are few, and need no more connections. */
const CONNECTIONS = 256;
const LOCAL = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

/**
 * Serves the admin interface over HTTP, on loopback only, for clients that can read the token file. It is never behind a gateway, and a
 * web page cannot use it: the host of a request must be a local name, and the token is not a cookie.
 */
export async function startAdminServer({
  platform,
  admin,
  log,
  port,
  tokenFile,
  shared = false,
}: AdminServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const given = shared ? tokenIn(tokenFile) : undefined;
  const token = given ?? Buffer.from(platform.random.bytes(32)).toString('base64url');
  if (given === undefined) writeToken(tokenFile, token);
  const router = createRouter<AdminRoute>();
  for (const route of admin.routes) router.add(route.method, route.path.replaceAll(/:(\w+)/g, '{$1}'), route);
  /** Decides by the head of a request whether its body is read. */
  const admitted = ({ headers, method, segments }: GatedRequest) => {
    if (!LOCAL.test(headers.get('host') ?? ''))
      throw new RametError('Forbidden', 'The admin interface accepts local host names only, such as 127.0.0.1');
    const shown = /^Bearer (\S+)$/.exec(headers.get('authorization') ?? '')?.[1];
    if (shown === undefined) throw new RametError('MissingToken', `The admin interface requires the token in ${tokenFile}`);
    if (!platform.crypto.equal(shown, token))
      throw new RametError(
        'InvalidToken',
        `The token is not the one in ${tokenFile}; read the file again, because each start writes a new token`,
      );
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

/** Adds the detail of an error that only operators may see. */
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
