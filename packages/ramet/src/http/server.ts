import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { type EventLog, newTrace } from '../telemetry/index.ts';
import { type HttpAnswer, parserError, problemAnswer, rawAnswer } from './answers.ts';
import { BodyBudget, declaresTooMuch } from './body.ts';
import { Backlog, HttpConnection } from './connection.ts';
import { HttpExchange } from './exchange.ts';
import { KeyedCount } from './keyed-count.ts';
import { type GatedRequest, gate, type Refusal } from './request-gate.ts';
import { endConnection, guardSockets } from './sockets.ts';

/** A request that has passed the gate. Only its head has been read. */
export type AdmittedExchange = HttpExchange & { readonly gated: GatedRequest };

/** A request or a connection that did not pass the gate. */
export interface Refused {
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  /** The address of the other end of the connection. */
  readonly client: string;
  readonly method: string;
  readonly correlationId: string;
}

/** What an HTTP server needs. */
export interface HttpServerOptions {
  readonly platform: Platform;
  readonly log: EventLog;
  /** The hosts that requests may name; all where absent. */
  readonly hosts?: readonly string[] | undefined;
  /** How many connections may be open at once. */
  readonly connections: number;
  /** How many connections may be open from one address. */
  readonly connectionsPerAddress?: number;
  /** Finds the key of an address. Addresses with the same key count together; addresses without a key are not counted. */
  readonly addressKey?: (address: string) => string | undefined;
  /** Makes the answer to a request. It reads the body when it needs it. */
  answer(exchange: AdmittedExchange): Promise<HttpAnswer>;
  /** Called for each request and connection that is refused. */
  onRefused(refused: Refused): void;
}

/** An HTTP server. */
export interface HttpServer {
  /** Starts to accept connections. @param port 0 takes a free port, which no other worker of a cluster has @returns the port */
  listen(port: number, host: string): Promise<number>;
  /**
   * Announces on open connections that they end, accepts what clients have already sent, and then accepts nothing more. Closing at once
   * would break connections that wait in the kernel to be accepted, and requests that wait there to be read.
   * @param elsewhere where clients are served after this: on the same `port`, where other processes accept the waiting connections, or
   *   at another `address`. Clients get the time to leave connections on which no answer has announced the end: a request that is sent
   *   while its connection closes gets no answer
   */
  drain(elsewhere?: 'port' | 'address'): Promise<void>;
  /** The number of requests that wait for their answer. */
  readonly inFlight: number;
  /** Cancels all requests, gives those that do not answer soon a 503, and closes. */
  close(): Promise<void>;
}

/** How long a drain accepts waiting connections at most. Under load, one connection is accepted in each turn of the event loop. */
const ACCEPT_MS = 5_000;
const SHARED_ACCEPT_MS = 250;
/** After so many turns of the event loop without a new connection, none waits, and the request of the last one has been read. */
const QUIET_TURNS = 3;
/** How long a connection may be idle. Answers announce it, and clients leave before. */
const IDLE_MS = 5_000;
/** How much longer an idle connection is kept: on a busy machine a last request may be on its way, or wait in the kernel, for this long. */
const GRACE_MS = 5_000;
const LOOK_MS = 10;
/** At the close: how long requests may take to answer that they are cancelled, and how long a last refusal may take to leave. */
const LAST_WORDS_MS = 250;
const LAST_REFUSAL_MS = 50;
const LIMITS = {
  // NODE_OPTIONS must not loosen the parser.
  insecureHTTPParser: false,
  // The gate checks the Host headers, and refuses with a reason.
  requireHostHeader: false,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: IDLE_MS,
  keepAliveTimeoutBuffer: GRACE_MS,
};

/**
 * Makes an HTTP server for untrusted clients. Node parses. This server decides which bytes are a request ({@link gate}), in which order
 * requests run ({@link HttpConnection}), how other input is answered, and when a connection ends.
 */
export const createHttpServer = (options: HttpServerOptions): HttpServer => new GuardedServer(options);

class GuardedServer implements HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #budget = new BodyBudget();
  readonly #backlog = new Backlog();
  readonly #connections = new Map<Duplex, HttpConnection>();
  readonly #addresses: KeyedCount;
  #draining = false;
  #closing = false;
  #accepted = 0;
  /** Counts requests from their head to the last byte of their answer. Their bodies may still be on the way. */
  #underWay = 0;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#addresses = new KeyedCount(options.connectionsPerAddress ?? Number.POSITIVE_INFINITY);
    const server = createServer(LIMITS);
    this.#server = server;
    server.maxRequestsPerSocket = 1_000;
    // Node silently drops further headers; the gate refuses long before.
    server.maxHeadersCount = 2_000;
    server.maxConnections = options.connections;
    // A client that has closed its sending side may still wait for its answer.
    Object.assign(server, { httpAllowHalfOpen: true });
    guardSockets(server, options.platform);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('drop', (drop) =>
      this.#refused(0, 'TooManyConnections', `There are already ${options.connections} connections`, drop?.remoteAddress ?? ''),
    );
    this.#listenToRequests();
  }

  #listenToRequests(): void {
    const server = this.#server;
    server.on('request', (request, response) => this.#take(request, response, false));
    // The gate refuses unknown expectations; `100-continue` is answered when a handler reads the body.
    server.on('checkContinue', (request, response) => this.#take(request, response, true));
    server.on('checkExpectation', (request, response) => this.#take(request, response, false));
    // After the last request of a connection, Node would accept more of them and answer 503, for which no client waits.
    server.on('dropRequest', (_request, socket) => this.#connections.get(socket)?.takeNoMore());
    server.on('connect', (request, socket) =>
      this.#refuseInput(socket as Socket, new RametError('MalformedRequest', 'This method is not accepted'), request.method),
    );
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const parsers = error.code?.startsWith('HPE_') || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
      // Browsers open connections that they may never use.
      const unused = (socket as Socket).bytesRead === 0;
      if (parsers && !unused) this.#refuseInput(socket as Socket, parserError(error));
      else socket.destroy();
    });
  }

  async listen(port: number, host: string): Promise<number> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, exclusive: port === 0 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#options.log.event('server_failed', { err: error }));
    const address = server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  async drain(elsewhere?: 'port' | 'address'): Promise<void> {
    this.#draining = true;
    const { clock, timers } = this.#options.platform;
    const giveUpMono = clock.monoNow() + (elsewhere === 'port' ? SHARED_ACCEPT_MS : ACCEPT_MS);
    for (let quiet = 0; quiet < QUIET_TURNS && clock.monoNow() < giveUpMono; ) {
      const before = this.#accepted;
      await timers.yield();
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    // Closing an HTTP server would close its idle connections; closing the listening socket does not.
    NetServer.prototype.close.call(this.#server);
    const leftMono = clock.monoNow() + IDLE_MS + GRACE_MS;
    const stays = () => [...this.#connections.values()].some((connection) => connection.stays);
    while (elsewhere && stays() && clock.monoNow() < leftMono) await timers.sleep(LOOK_MS);
    this.#server.closeIdleConnections();
  }

  get inFlight(): number {
    return this.#underWay;
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const connection of this.#connections.values()) connection.abandon(new RametError('ShuttingDown'));
    await this.#answered(LAST_WORDS_MS);
    for (const connection of this.#connections.values()) this.#refuseWaiting(connection);
    await this.#answered(LAST_REFUSAL_MS);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  /** Waits until every request has its answer, but `mostMs` at most. */
  async #answered(mostMs: number): Promise<void> {
    const { clock, timers } = this.#options.platform;
    const giveUpMono = clock.monoNow() + mostMs;
    while (this.#underWay > 0 && clock.monoNow() < giveUpMono) await timers.sleep(LOOK_MS);
  }

  /** Answers for a handler that ignores its cancellation. */
  #refuseWaiting(connection: HttpConnection): void {
    const error = new RametError('ShuttingDown');
    void connection.refuseFirst(problemAnswer(error, newTrace(this.#options.platform, {})))?.catch(() => {});
  }

  #accept(socket: Socket): void {
    this.#accepted++;
    const address = socket.remoteAddress ?? '';
    const key = this.#options.addressKey?.(address);
    if (key !== undefined && !this.#addresses.take(key)) {
      const held = this.#addresses.of(key);
      const detail = `There are already ${held} connections from this address; if it is your proxy, name it in 'trustedProxies'`;
      this.#refused(0, 'TooManyConnections', detail, address);
      socket.destroy();
      return;
    }
    const run = (exchange: HttpExchange) => void this.#serve(connection, exchange);
    const connection = new HttpConnection(this.#options.platform, socket, this.#backlog, run);
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (key !== undefined) this.#addresses.release(key);
    });
  }

  #take(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { platform, hosts } = this.#options;
    const { socket, method = '', url = '', httpVersion, rawHeaders } = request;
    const gated = gate({ method, url, httpVersion, rawHeaders }, hosts ? { hosts } : {});
    const exchange = new HttpExchange(platform, { request, response, awaitsContinue }, declaresTooMuch(gated) ?? gated, this.#budget);
    if (!this.#connections.get(socket)?.add(exchange)) {
      exchange.close();
      return;
    }
    this.#underWay++;
    exchange.onClosed(() => this.#underWay--);
  }

  /** Reports a refusal. @returns its correlation id */
  #refused(status: number, reason: string, detail: string, client: string, method = '(none)'): string {
    const { correlationId } = newTrace(this.#options.platform, {});
    this.#options.onRefused({ status, reason, detail, client, method, correlationId });
    return correlationId;
  }

  /** Refuses input that is not a request. */
  #refuseInput(socket: Socket, error: RametError, method?: string): void {
    const connection = this.#connections.get(socket);
    if (!connection) return void socket.destroy();
    if (connection.ending) return;
    const correlationId = this.#refused(error.status, error.code, error.message, socket.remoteAddress ?? '', method);
    if (!connection.breakInput(error) || !socket.writable) return;
    socket.write(rawAnswer(problemAnswer(error, { correlationId })));
    endConnection(socket, this.#options.platform);
  }

  #refusal(exchange: HttpExchange, { status, code, detail, location }: Refusal): HttpAnswer {
    const correlationId = this.#refused(status, code, detail, exchange.socketAddress, exchange.request.method);
    if (location !== undefined) return { status, headers: { location, 'x-correlation-id': correlationId }, body: '' };
    return problemAnswer(new RametError(code, detail), { correlationId });
  }

  async #serve(connection: HttpConnection, exchange: HttpExchange): Promise<void> {
    const { platform, log } = this.#options;
    try {
      const { gated } = exchange;
      const answer = gated.ok ? await this.#options.answer(exchange as AdmittedExchange) : this.#refusal(exchange, gated);
      await connection.send(exchange, answer, this.#draining);
    } catch (error) {
      if (this.#closing && exchange.begun) return;
      const known = error instanceof RametError && !exchange.begun;
      if (!known) log.event('server_failed', { err: error });
      if (exchange.begun) exchange.request.socket.destroy();
      else await connection.send(exchange, problemAnswer(known ? error : new RametError('Internal'), newTrace(platform, {})), true);
    }
  }
}
