import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { type Log, newTrace } from '../telemetry/index.ts';
import { type HttpAnswer, parserError, problemAnswer, rawAnswer } from './answers.ts';
import { BodyBudget, declaresTooMuch } from './body.ts';
import { Backlog, Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import { type GatedRequest, gate, type Refusal } from './request-gate.ts';
import { endConnection, guardSockets } from './sockets.ts';

/** A request that has passed the gate. What is not its head has not been read. */
export type AdmittedExchange = Exchange & { readonly gated: GatedRequest };

/** A request or a connection that nothing behind the gate has seen. */
export interface Refused {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  /** The address of the other end of the connection. */
  readonly client: string;
  readonly method: string;
  readonly correlationId: string;
}

export interface HttpServerOptions {
  readonly platform: Platform;
  readonly log: Log;
  /** The hosts that requests may come for; all when left out. */
  readonly hosts?: readonly string[] | undefined;
  /** How many connections there may be at once. */
  readonly connections: number;
  /** How many of them may come from one address. */
  readonly connectionsPerAddress?: number;
  /** Addresses of the same key count together; those without one are not counted. */
  readonly addressKey?: (address: string) => string | undefined;
  /** Makes the answer to a request, whose body it asks for when it wants it. */
  answer(exchange: AdmittedExchange): Promise<HttpAnswer>;
  onRefused(refused: Refused): void;
}

export interface HttpServer {
  /** Begins to accept connections. @param port 0 takes a free one, and none that another worker of a cluster has @returns the port. */
  listen(port: number, host: string): Promise<number>;
  /**
   * Says on open connections that they end, takes what clients had sent before now, and then accepts no more. Connections that
   * wait in the kernel to be accepted, and requests that wait there to be read, would be broken by closing at once.
   * @param elsewhere where clients are served after this: on the same `port`, so that other processes take the connections that
   *   wait, or at another `address`. Clients get the time to leave connections on which no answer has said that they end: a request
   *   that is sent while its connection is being closed gets no answer
   */
  drain(elsewhere?: 'port' | 'address'): Promise<void>;
  /** Requests that wait for their answer. */
  readonly inFlight: number;
  /** Ends waiting requests, then closes. */
  close(): Promise<void>;
}

/** How long at most what was sent before may take to be accepted; under load one connection is, per turn of the event loop. */
const ACCEPT_MS = 5_000;
const SHARED_ACCEPT_MS = 250;
/** Turns of the event loop without a new connection after which none waits, and what the last one sent is read. */
const QUIET_TURNS = 3;
/** How long a connection may be idle: answers say so, and clients leave before. */
const IDLE_MS = 5_000;
/** How much longer it is kept: on a busy machine a client's last request may be on its way, or wait in the kernel, for so long. */
const GRACE_MS = 5_000;
const LOOK_MS = 10;
/** How long refusals of what is ended at the close may take to leave. */
const LAST_WORDS_MS = 250;
const LIMITS = {
  // A stranger's NODE_OPTIONS must not loosen the parser.
  insecureHTTPParser: false,
  // The gate looks at the Host headers, and refuses in words.
  requireHostHeader: false,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: IDLE_MS,
  keepAliveTimeoutBuffer: GRACE_MS,
};

/**
 * An HTTP server for the edge of a process. Node parses. The rest is decided here and not by Node: which bytes are
 * a request ({@link gate}), in which order requests run ({@link Connection}), how other input is answered, and when a connection ends.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { platform, log } = options;
  const server = createServer(LIMITS);
  server.maxRequestsPerSocket = 1_000;
  // Beyond it Node would leave headers out without a word; the gate refuses long before.
  server.maxHeadersCount = 2_000;
  server.maxConnections = options.connections;
  // A client that says that it sends nothing more may still wait for its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  const budget = new BodyBudget();
  const backlog = new Backlog();
  const connections = new Map<Duplex, Connection>();
  const perAddress = new Map<string, number>();
  let draining = false;
  let accepted = 0;
  /** From a request's head to its answer's last byte: its body may still be on the way. */
  let underWay = 0;

  guardSockets(server, platform);
  server.on('connection', (socket: Socket) => {
    accepted++;
    const key = options.addressKey?.(socket.remoteAddress ?? '');
    const held = key === undefined ? 0 : (perAddress.get(key) ?? 0);
    if (key !== undefined) {
      if (held >= (options.connectionsPerAddress ?? Number.POSITIVE_INFINITY)) {
        refused(
          0,
          'TooManyConnections',
          `There are ${held} connections from there already; if it is a proxy of yours, name it in 'trustedProxies'`,
          socket.remoteAddress ?? '',
        );
        socket.destroy();
        return;
      }
      perAddress.set(key, held + 1);
    }
    const connection = new Connection(platform, socket, backlog, (exchange) => void serve(connection, exchange));
    connections.set(socket, connection);
    socket.once('close', () => {
      connections.delete(socket);
      if (key === undefined) return;
      const left = (perAddress.get(key) ?? 1) - 1;
      if (left === 0) perAddress.delete(key);
      else perAddress.set(key, left);
    });
  });
  server.on('drop', (drop) =>
    refused(0, 'TooManyConnections', `There are ${options.connections} connections already`, drop?.remoteAddress ?? ''),
  );
  const take = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const { socket, method = '', url = '', httpVersion, rawHeaders } = request;
    const gated = gate({ method, url, httpVersion, rawHeaders }, options.hosts ? { hosts: options.hosts } : {});
    const exchange = new Exchange(platform, { request, response, awaitsContinue }, declaresTooMuch(gated) ?? gated, budget);
    if (!connections.get(socket)?.add(exchange)) return exchange.close();
    underWay++;
    exchange.onClosed(() => underWay--);
  };
  server.on('request', take(false));
  // The gate refuses what cannot be met; what can is answered when the body is asked for.
  server.on('checkContinue', take(true));
  server.on('checkExpectation', take(false));
  // After the last request that a connection may have, Node would take more of them and answer 503, which no client waits for.
  server.on('dropRequest', (_request, socket) => connections.get(socket)?.takeNoMore());
  server.on('connect', (request: IncomingMessage, socket: Duplex) =>
    refuseInput(socket as Socket, new RametError('MalformedRequest', 'This method is not accepted'), request.method),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const parsers = error.code?.startsWith('HPE_') || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    // Browsers open connections that they may never need.
    const unused = (socket as Socket).bytesRead === 0;
    if (parsers && !unused) refuseInput(socket as Socket, parserError(error));
    else socket.destroy();
  });

  function refused(status: number, reason: string, detail: string, client: string, method = '(none)'): string {
    const { correlationId } = newTrace(platform, {});
    options.onRefused({ status, reason, detail, client, method, correlationId });
    return correlationId;
  }

  /** Refuses on a connection where no request came about that could be answered. */
  function refuseInput(socket: Socket, error: RametError, method?: string): void {
    const connection = connections.get(socket);
    if (!connection) return void socket.destroy();
    if (connection.ending) return;
    const correlationId = refused(error.status, error.code, error.message, socket.remoteAddress ?? '', method);
    if (!connection.breakInput(error) || !socket.writable) return;
    socket.write(rawAnswer(problemAnswer(error, { correlationId })));
    endConnection(socket, platform);
  }

  function refusal(exchange: Exchange, { status, code, detail, location }: Refusal): HttpAnswer {
    const correlationId = refused(status, code, detail, exchange.socketAddress, exchange.request.method);
    if (location !== undefined) return { status, headers: { location, 'x-correlation-id': correlationId }, body: '' };
    return problemAnswer(new RametError(code, detail), { correlationId });
  }

  async function serve(connection: Connection, exchange: Exchange): Promise<void> {
    try {
      const { gated } = exchange;
      const answer = gated.ok ? await options.answer(exchange as AdmittedExchange) : refusal(exchange, gated);
      await connection.send(exchange, answer, draining);
    } catch (error) {
      const known = error instanceof RametError && !exchange.begun;
      if (!known) log.error({ err: error }, 'the server failed');
      if (exchange.begun) exchange.request.socket.destroy();
      else await connection.send(exchange, problemAnswer(known ? error : new RametError('Internal'), newTrace(platform, {})), true);
    }
  }

  return {
    async listen(port, host) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host, exclusive: port === 0 }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      server.on('error', (error) => log.error({ err: error }, 'the server failed'));
      const address = server.address();
      return typeof address === 'object' && address ? address.port : port;
    },
    async drain(elsewhere) {
      draining = true;
      const { clock, timers } = platform;
      const giveUpMono = clock.monoNow() + (elsewhere === 'port' ? SHARED_ACCEPT_MS : ACCEPT_MS);
      for (let quiet = 0; quiet < QUIET_TURNS && clock.monoNow() < giveUpMono; ) {
        const before = accepted;
        await timers.yield();
        quiet = accepted === before ? quiet + 1 : 0;
      }
      // An HTTP server that closes takes its idle connections with it; a socket that listens does not.
      NetServer.prototype.close.call(server);
      const leftMono = clock.monoNow() + IDLE_MS + GRACE_MS;
      const stays = () => [...connections.values()].some((connection) => connection.stays);
      while (elsewhere && stays() && clock.monoNow() < leftMono) await timers.sleep(LOOK_MS);
      server.closeIdleConnections();
    },
    get inFlight() {
      return underWay;
    },
    async close() {
      for (const connection of connections.values()) connection.abandon(new RametError('ShuttingDown'));
      const { clock, timers } = platform;
      const giveUpMono = clock.monoNow() + LAST_WORDS_MS;
      while (underWay > 0 && clock.monoNow() < giveUpMono) await timers.sleep(LOOK_MS);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const socket of connections.keys()) socket.destroy();
      await closed;
    },
  };
}
