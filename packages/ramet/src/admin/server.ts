import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fastify from 'fastify';
import { DeclaredError, problemOf, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { Admin } from './admin.ts';

export interface AdminServerOptions {
  readonly platform: Platform;
  readonly admin: Admin;
  readonly log: Log;
  readonly port: number;
  /** Where the token is written: a new one for each start, unless it is `shared`; readable by its owner only. */
  readonly tokenFile: string;
  /** Whether other processes serve on the same port: all of them take the token that the file has already. */
  readonly shared?: boolean;
}

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
  const app = fastify({ logger: false, bodyLimit: 1024 * 1024, forceCloseConnections: true });
  app.addHook('onRequest', async (request) => {
    if (!LOCAL.test(request.headers.host ?? '')) throw new RametError('Forbidden', 'The admin interface is asked for by a local name only');
    const shown = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (shown === undefined) throw new RametError('MissingToken', `The admin interface wants the token of ${tokenFile}`);
    if (!platform.crypto.equal(shown, token))
      throw new RametError('InvalidToken', `The token is not the one of ${tokenFile}; it may be new since the last start`);
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const known =
      error instanceof RametError || error instanceof DeclaredError
        ? error
        : error.statusCode !== undefined && error.statusCode < 500
          ? new RametError('MalformedBody', error.message)
          : error;
    if (known === error && !(error instanceof RametError || error instanceof DeclaredError))
      log.error({ err: error }, 'the admin interface failed');
    const problem = problemOf(known);
    // Operators may know what clients may not.
    const inside = known instanceof RametError && !problem.detail?.startsWith(known.message);
    return reply
      .code(problem.status)
      .type('application/problem+json')
      .send(inside ? { ...problem, detail: `${known.message}. ${problem.detail ?? ''}` } : problem);
  });
  app.setNotFoundHandler(() => {
    throw new RametError('NotFound');
  });
  for (const { method, path, run } of admin.routes) {
    app.route({
      method,
      url: path,
      handler: async (request) =>
        run({
          params: request.params as Record<string, string>,
          query: request.query as Record<string, string | undefined>,
          body: request.body ?? {},
        }),
    });
  }
  await app.listen({ port, host: '127.0.0.1', exclusive: port === 0 });
  const address = app.server.address();
  return { port: typeof address === 'object' && address ? address.port : port, close: () => app.close() };
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
