import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { Canceller } from '../rpc/index.ts';
import { type Health, type Log, type Metrics, newTrace, type StandardMetrics } from '../telemetry/index.ts';
import { EventStream } from './event-stream.ts';
import type { GatewayDefinition } from './gateway.ts';
import { type CanonicalRequest, type GatewayHandler, type GatewayResponse, refusal } from './handler.ts';
import { openApi } from './openapi.ts';
import { type GatedRequest, gate } from './request-gate.ts';

export interface GatewayServerOptions {
  readonly platform: Platform;
  readonly definition: GatewayDefinition;
  readonly handler: GatewayHandler;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly standard: StandardMetrics;
  readonly log: Log;
}

export interface GatewayServer {
  /** Begins to accept connections. @param port 0 takes a free one, and none that another worker of a cluster has @returns the port. */
  listen(port: number, host: string): Promise<number>;
  /**
   * Says on open connections that they end, takes what clients had sent before now, and then accepts no more. A connection
   * that waits for its acceptance, and a request that waits to be read, are in nobody's sight: closing would break them.
   * Streams end at once, in order, so that clients follow them elsewhere.
   * @param elsewhere where clients are served from now on: on the same `port`, so that others take the connections that wait, or
   *   at another `address`. They get the time to leave connections that they have not been told to leave: where one is closed
   *   at the moment at which a request is sent on it, that request is answered by nobody
   */
  drain(elsewhere?: 'port' | 'address'): Promise<void>;
  /** Requests that wait for their answer. */
  readonly inFlight: number;
  /** Ends streams and waiting requests, then closes. */
  close(): Promise<void>;
}

/** How long at most what was sent before may take to be accepted; under load one connection is, per turn of the event loop. */
const ACCEPT_MS = 5_000;
const SHARED_ACCEPT_MS = 250;
/** Turns of the event loop without a new connection after which none waits, and what the last one sent is read. */
const QUIET_TURNS = 3;
/** How long a connection may be idle: what clients are told, so that they leave before. */
const IDLE_MS = 5_000;
/** How much longer it is kept: on a busy machine a client's last request may be on its way, or wait in the kernel, for so long. */
const GRACE_MS = 5_000;
const LOOK_MS = 10;
const BODY_MAX_BYTES = 1024 * 1024;
/** For a browser that opens an answer as a page: it is data, and nothing in it may run. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/**
 * The HTTP server of a gateway. Fastify frames requests and bodies, and nothing more: its own router never sees a path, so
 * that routing, authentication and limits all look at the one canonical request that the gate made.
 */
export function createGatewayServer(options: GatewayServerOptions): GatewayServer {
  const { platform, definition, log, standard } = options;
  const targets = new WeakMap<IncomingMessage, string>();
  const open = new Set<Canceller>();
  let draining = false;
  let accepted = 0;
  /** Each with the answers under way: a client may send several requests before the first is answered. */
  const connections = new Map<Socket, Set<ServerResponse>>();
  /** Connections whose last answer said that they end. */
  const told = new WeakSet<Socket>();
  const streams = new Set<EventStream>();
  /** From a request's head to its answer's last byte: its body may still be on the way. */
  let underWay = 0;
  /** What has begun to be answered as on a connection that stays leaves the client free to use it once more. */
  const stays = ([socket, answers]: [Socket, Set<ServerResponse>]) =>
    !told.has(socket) && ![...answers].some(({ headersSent }) => !headersSent);
  const endStreams = () => {
    for (const stream of streams) stream.end();
  };
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: 30_000,
    keepAliveTimeout: IDLE_MS,
    maxRequestsPerSocket: 1_000,
    forceCloseConnections: true,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    rewriteUrl(request) {
      targets.set(request as IncomingMessage, request.url ?? '');
      return '/';
    },
    clientErrorHandler(error, socket) {
      if (!socket.writable || (error as NodeJS.ErrnoException).code === 'ECONNRESET') socket.destroy();
      else refuseOn(platform, socket);
    },
    // The gate looks at the Host headers, and refuses in words.
    http: { requireHostHeader: false },
  });
  app.server.keepAliveTimeoutBuffer = GRACE_MS;
  app.server.headersTimeout = 10_000;
  app.server.maxHeadersCount = 2_000;
  app.server.on('connection', (socket: Socket) => {
    accepted++;
    connections.set(socket, new Set());
    socket.once('close', () => connections.delete(socket));
  });
  // What Node would answer by itself, without a word.
  app.server.on('connect', (_request, socket) => refuseOn(platform, socket));
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.server.on('request', ({ socket }, response) => {
    underWay++;
    connections.get(socket)?.add(response);
    response.once('close', () => {
      underWay--;
      connections.get(socket)?.delete(response);
    });
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // A rejection by Fastify itself (a body too large, a broken length) never reaches the handler.
  app.setErrorHandler((error: { statusCode?: number; code?: string }, request, reply) => {
    if (error.statusCode === undefined || error.statusCode >= 500) log.error({ err: error }, 'the server failed');
    const known =
      error.statusCode === 413
        ? new RametError('PayloadTooLarge', `The body is larger than ${BODY_MAX_BYTES} bytes`)
        : error.statusCode === 415
          ? new RametError('UnsupportedMediaType')
          : error.statusCode !== undefined && error.statusCode < 500
            ? new RametError('MalformedRequest')
            : new RametError('Internal');
    void reply.header('connection', 'close');
    return send(reply, refusal(known, newTrace(platform, {}), '(none)'), request, new Canceller());
  });
  app.all('/', (request, reply) => serve(request, reply));
  // Methods that Fastify has not heard of.
  app.setNotFoundHandler((request, reply) => serve(request, reply));

  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const startedMono = platform.clock.monoNow();
    const { raw } = request;
    const canceller = new Canceller();
    open.add(canceller);
    reply.raw.once('close', () => {
      open.delete(canceller);
      if (!reply.raw.writableFinished) canceller.cancel(new RametError('Cancelled'));
    });
    const gated = gate(
      { method: raw.method ?? '', url: targets.get(raw) ?? '', httpVersion: raw.httpVersion, rawHeaders: raw.rawHeaders },
      definition.hosts ? { hosts: definition.hosts } : {},
    );
    const response = gated.ok ? await respond(gated, request, canceller) : refusedByGate(gated, reply);
    const seconds = (platform.clock.monoNow() - startedMono) / 1_000;
    standard.httpRequestDuration.record(seconds, { method: raw.method ?? '', route: response.route, status_code: String(response.status) });
    log[response.status >= 500 ? 'warn' : 'info'](
      {
        method: raw.method,
        route: response.route,
        status: response.status,
        ms: Math.round(seconds * 1e6) / 1e3,
        correlationId: response.correlationId,
      },
      'request',
    );
    return send(reply, response, request, canceller);
  }

  function refusedByGate(
    refused: { status: number; code: RametError['code']; detail: string; location?: string },
    reply: FastifyReply,
  ): GatewayResponse {
    const response = refusal(new RametError(refused.code, refused.detail), newTrace(platform, {}), '(refused)');
    if (refused.status >= 400) void reply.header('connection', 'close');
    return {
      ...response,
      status: refused.status,
      headers: { ...response.headers, ...(refused.location ? { location: refused.location } : {}) },
    };
  }

  async function respond(gated: GatedRequest, request: FastifyRequest, cancellation: Canceller): Promise<GatewayResponse> {
    const own = await ownAnswer(options, gated);
    if (own) return own;
    const preflight = corsPreflight(definition, gated);
    if (preflight) return preflight;
    const canonical: CanonicalRequest = {
      method: gated.method,
      segments: gated.segments,
      rawQuery: gated.rawQuery,
      headers: gated.headers,
      socketAddress: request.raw.socket.remoteAddress ?? '',
      body: request.body instanceof Uint8Array ? request.body : undefined,
      cancellation,
    };
    const response = await options.handler.handle(canonical);
    const cors = corsHeaders(definition, gated);
    const vary = [cors['vary'], response.headers['vary']].filter((names) => names !== undefined).join(', ');
    return { ...response, headers: { ...cors, ...response.headers, ...(vary === '' ? {} : { vary }) } };
  }

  function send(reply: FastifyReply, response: GatewayResponse, request: FastifyRequest, canceller: Canceller): FastifyReply {
    // As late as can be: whoever is not told uses the connection again.
    if (draining) {
      told.add(request.raw.socket);
      void reply.header('connection', 'close');
    }
    void reply
      .code(response.status)
      .headers({ ...SECURITY_HEADERS, 'cache-control': 'no-store', ...response.headers, 'x-correlation-id': response.correlationId });
    // What is not sent has the length that the answer to a GET would name, or none.
    if (response.status === 304) return reply.send();
    if ('body' in response) return reply.send(request.raw.method === 'HEAD' ? Buffer.from('') : bytesOf(response.body));
    void reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
    const stream = new EventStream(platform, response.events, canceller);
    streams.add(stream);
    reply.raw.once('close', () => streams.delete(stream));
    const lines = stream.lines((error) => log.warn({ err: error, correlationId: response.correlationId }, 'a stream ended early'));
    return reply.send(Readable.from(lines, { objectMode: false }));
  }

  return {
    async listen(port, host) {
      await app.listen({ port, host, exclusive: port === 0 });
      const address = app.server.address();
      return typeof address === 'object' && address ? address.port : port;
    },
    async drain(elsewhere) {
      draining = true;
      endStreams();
      const { clock, timers } = platform;
      const giveUpMono = clock.monoNow() + (elsewhere === 'port' ? SHARED_ACCEPT_MS : ACCEPT_MS);
      for (let quiet = 0; quiet < QUIET_TURNS && clock.monoNow() < giveUpMono; ) {
        const before = accepted;
        await timers.yield();
        quiet = accepted === before ? quiet + 1 : 0;
      }
      // An HTTP server that closes takes its idle connections with it; a socket that listens does not.
      NetServer.prototype.close.call(app.server);
      const leftMono = clock.monoNow() + IDLE_MS + GRACE_MS;
      while (elsewhere && [...connections].some(stays) && clock.monoNow() < leftMono) await timers.sleep(LOOK_MS);
      app.server.closeIdleConnections();
      endStreams();
    },
    get inFlight() {
      return underWay;
    },
    async close() {
      for (const canceller of open) canceller.cancel(new RametError('ShuttingDown'));
      await closed(app);
    },
  };
}

/** Refuses on a connection where no request came about that could be answered. */
function refuseOn(platform: Platform, socket: Duplex): void {
  const response = refusal(new RametError('MalformedRequest'), newTrace(platform, {}), '(none)');
  const body = 'body' in response ? bytesOf(response.body).toString() : '';
  const headers = {
    ...SECURITY_HEADERS,
    ...response.headers,
    'x-correlation-id': response.correlationId,
    connection: 'close',
    'content-length': Buffer.byteLength(body),
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 400 Bad Request\r\n${head.join('')}\r\n${body}`);
}

/** Fastify would give text a charset, which JSON types do not have. */
const bytesOf = (body: string | Uint8Array): Buffer =>
  typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);

const closed = (app: FastifyInstance): Promise<void> => app.close();

async function ownAnswer(
  { health, metrics, handler, definition, platform }: GatewayServerOptions,
  { method, path }: GatedRequest,
): Promise<GatewayResponse | undefined> {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const { correlationId } = newTrace(platform, {});
  const json = (status: number, body: unknown): GatewayResponse => ({
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    route: path,
    correlationId,
    body: JSON.stringify(body),
  });
  switch (path) {
    case '/livez': {
      const probe = health.live();
      return json(probe.status, probe.body);
    }
    case '/readyz': {
      const probe = await health.ready();
      return json(probe.status, probe.body);
    }
    case '/health': {
      const probe = await health.health();
      return json(probe.status, probe.body);
    }
    case '/metrics':
      return {
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        route: path,
        correlationId,
        body: await metrics.render(),
      };
    case '/openapi.json':
      return json(200, openApi(definition, handler.routes));
    default:
      return undefined;
  }
}

function corsHeaders(definition: GatewayDefinition, { headers }: GatedRequest): Record<string, string> {
  if (definition.origins.length === 0) return {};
  const origin = headers.get('origin');
  if (origin === undefined || !definition.origins.includes(origin)) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-correlation-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset',
  };
}

/** A preflight is answered here: it carries no identity, costs nobody's limit, and reaches no service. */
function corsPreflight(definition: GatewayDefinition, gated: GatedRequest): GatewayResponse | undefined {
  if (gated.method !== 'OPTIONS' || definition.origins.length === 0 || !gated.headers.has('access-control-request-method'))
    return undefined;
  return {
    status: 204,
    headers: {
      ...corsHeaders(definition, gated),
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, idempotency-key, prefer, x-correlation-id, traceparent',
      'access-control-max-age': '600',
    },
    route: '(preflight)',
    correlationId: '',
    body: '',
  };
}
