import type { Socket } from 'node:net';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { HttpAnswer } from './answers.ts';
import type { HttpExchange } from './exchange.ts';
import { discardInput, endConnection } from './sockets.ts';

/**
 * How many requests may wait on one connection, and how many bytes may be read behind the first of them. A client that sends more ahead
 * gets the answers up to there, and the connection ends: its memory here must not grow with what it sends.
 */
const WAITING_MAX = 1_000;
const WAITING_BYTES_MAX = 256 * 1024;
/** How many requests may wait on all connections of a server: each takes some kilobytes, and there may be many connections. */
const ALL_WAITING_MAX = 20_000;
/** How long a client that closed its sending side is assumed to wait for its answers. */
const HALF_OPEN_MS = SECOND;

/** Counts the requests that clients sent ahead on all connections of a server, and that have no answer yet. */
export class Backlog {
  #held = 0;

  /** Takes a place for a request, until it is closed. @returns whether there was one */
  take(exchange: HttpExchange): boolean {
    if (this.#held >= ALL_WAITING_MAX) return false;
    this.#held++;
    exchange.onClosed(() => this.#held--);
    return true;
  }
}

/**
 * One connection of a client. Its requests run one after another, however many are sent ahead, so that answers leave in order and no
 * request runs in parallel to one that decides about it. After a refusal, and after an answer that ends the connection, no later
 * request runs (RFC 9112, 9.6).
 */
export class HttpConnection {
  readonly #platform: Platform;
  readonly #socket: Socket;
  readonly #backlog: Backlog;
  readonly #run: (exchange: HttpExchange) => void;
  /** The first one runs. */
  readonly #queue: HttpExchange[] = [];
  #ending = false;
  #announced = false;

  /** @param run makes and sends the answer of an exchange in its turn */
  constructor(platform: Platform, socket: Socket, backlog: Backlog, run: (exchange: HttpExchange) => void) {
    this.#platform = platform;
    this.#socket = socket;
    this.#backlog = backlog;
    this.#run = run;
    socket.once('end', () => this.#halfOpen());
    socket.once('close', () => this.#lost());
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether the client may reuse the connection: no answer has said, or will say, that it ends. */
  get stays(): boolean {
    return !this.#announced && !this.#ending && !this.#queue.some(({ begun }) => !begun);
  }

  /** Whether no further request is accepted. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Adds a request. @returns whether it will run, or be refused in its turn */
  add(exchange: HttpExchange): boolean {
    if (this.#ending || this.#socket.destroyed) return false;
    if (this.#queue.length > 0 && !this.#mayWait(exchange)) {
      this.takeNoMore();
      return false;
    }
    this.#queue.push(exchange);
    if (!exchange.gated.ok && exchange.gated.status >= 400) this.takeNoMore();
    exchange.onLeft(() => this.#left(exchange));
    if (this.#queue.length === 1) this.#run(exchange);
    return true;
  }

  /** Sends an answer. @param last whether the connection ends with it, if no request waits behind it */
  async send(exchange: HttpExchange, answer: HttpAnswer, last: boolean): Promise<void> {
    // The close of the server has refused the request: the answer of its handler is too late.
    if (exchange.begun) return;
    const alone = this.#queue.length === 1;
    const ends = exchange.endsConnection(answer) || (alone && (last || this.#ending));
    if (ends) {
      this.#announced = true;
      this.takeNoMore();
      for (const behind of this.#queue.splice(1)) behind.close();
    }
    await exchange.send(answer, ends);
  }

  /**
   * Stops the input, because the last bytes are not HTTP or arrive too slowly. If they belong to the body of a request, that request
   * is refused in its turn. Answers under way are sent completely.
   * @returns whether no request runs, so that the refusal can be sent now
   */
  breakInput(error: RametError): boolean {
    this.takeNoMore();
    this.#queue.at(-1)?.breakBody(error);
    return this.idle;
  }

  /** Answers the running request in place of its handler, and ends the connection. @returns undefined when no request waits for an answer */
  refuseFirst(refusal: HttpAnswer): Promise<void> | undefined {
    const [first] = this.#queue;
    return first && !first.begun ? this.send(first, refusal, true) : undefined;
  }

  /** Cancels every request with `reason`. */
  abandon(reason: RametError): void {
    for (const exchange of this.#queue) exchange.abandon(reason);
  }

  /** Accepts no more requests; those that wait are answered. */
  takeNoMore(): void {
    if (this.#ending) return;
    this.#ending = true;
    discardInput(this.#socket);
  }

  /** Whether one more request may wait. */
  #mayWait(exchange: HttpExchange): boolean {
    exchange.readBefore = this.#socket.bytesRead;
    const first = this.#queue[1] ?? exchange;
    if (this.#queue.length > WAITING_MAX || exchange.readBefore - first.readBefore > WAITING_BYTES_MAX) return false;
    return this.#backlog.take(exchange);
  }

  #left(exchange: HttpExchange): void {
    exchange.close();
    // The requests behind it are dropped with the connection.
    if (this.#socket.destroyed || this.#queue[0] !== exchange) return;
    this.#queue.shift();
    const [next] = this.#queue;
    if (next) this.#run(next);
    else if (this.#ending) endConnection(this.#socket, this.#platform);
  }

  #halfOpen(): void {
    if (this.idle) return void this.#socket.end();
    // A stream has no end to wait for, so its client has left.
    if (this.#queue[0]?.streaming) return void this.#socket.destroy();
    const timer = this.#platform.timers.set(HALF_OPEN_MS, () => this.#socket.destroy());
    this.#socket.once('close', () => timer.cancel());
  }

  #lost(): void {
    for (const exchange of this.#queue.splice(0)) {
      exchange.abandon(new RametError('Cancelled'));
      exchange.close();
    }
  }
}
