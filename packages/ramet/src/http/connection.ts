import type { Socket } from 'node:net';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { HttpAnswer } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { discardInput, endConnection } from './sockets.ts';

/**
 * What may wait on one connection: requests, and bytes that were read behind the first of them. A client that sends more ahead is
 * answered so far, and the connection ends: what it holds here must not grow with what it sends.
 */
const WAITING_MAX = 1_000;
const WAITING_BYTES_MAX = 256 * 1024;
/** What may wait on all connections of a server: each request that waits is some kilobytes, and there may be many connections. */
const ALL_WAITING_MAX = 20_000;
/** How long a client that said that it sends nothing more waits for what it has asked: longer, and it has gone. */
const HALF_OPEN_MS = SECOND;

/** The requests that were sent ahead on the connections of a server, and are not answered. */
export class Backlog {
  #held = 0;

  /** Takes a place for a request, until it is closed. @returns whether there is one */
  take(exchange: Exchange): boolean {
    if (this.#held >= ALL_WAITING_MAX) return false;
    this.#held++;
    exchange.onClosed(() => this.#held--);
    return true;
  }
}

/**
 * One connection of a client. Its requests run one after another, however many are sent ahead, so that answers leave in order and no
 * request runs beside one that decides about it. After a refusal, and after an answer that ends the connection, nothing that came
 * behind is run (RFC 9112, 9.6).
 */
export class Connection {
  readonly #platform: Platform;
  readonly #socket: Socket;
  readonly #backlog: Backlog;
  readonly #run: (exchange: Exchange) => void;
  /** The first is under way. */
  readonly #queue: Exchange[] = [];
  #ending = false;
  #announced = false;

  /** @param run makes and sends the answer of an exchange whose turn has come */
  constructor(platform: Platform, socket: Socket, backlog: Backlog, run: (exchange: Exchange) => void) {
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

  /** Whether the client takes the connection for one that it may use again: nothing that was sent, or will be, says otherwise. */
  get stays(): boolean {
    return !this.#announced && !this.#ending && !this.#queue.some(({ begun }) => !begun);
  }

  /** Whether nothing that arrives from now on is taken. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Takes one more request. @returns whether it will run, or be refused when its turn comes */
  add(exchange: Exchange): boolean {
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

  /** Sends an answer. @param last whether nothing more is answered on the connection, where no request waits behind it */
  async send(exchange: Exchange, answer: HttpAnswer, last: boolean): Promise<void> {
    // Refused at the close of the server: the answer of its handler comes too late.
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
   * What came last is not HTTP, or comes too slowly: nothing more is taken. A request whose body it was is refused in its turn,
   * and answers under way are sent whole.
   * @returns whether nothing is under way, so that the refusal can be sent now
   */
  breakInput(error: RametError): boolean {
    this.takeNoMore();
    this.#queue.at(-1)?.breakBody(error);
    return this.idle;
  }

  /** Answers the request that is under way in place of its handler, and ends the connection. @returns undefined when nothing waits */
  refuseFirst(refusal: HttpAnswer): Promise<void> | undefined {
    const [first] = this.#queue;
    return first && !first.begun ? this.send(first, refusal, true) : undefined;
  }

  /** Ends every request with `reason`. */
  abandon(reason: RametError): void {
    for (const exchange of this.#queue) exchange.abandon(reason);
  }

  /** Takes no more requests; those that wait are answered. */
  takeNoMore(): void {
    if (this.#ending) return;
    this.#ending = true;
    discardInput(this.#socket);
  }

  /** @returns whether there is room for one more behind those that are there */
  #mayWait(exchange: Exchange): boolean {
    exchange.readBefore = this.#socket.bytesRead;
    const first = this.#queue[1] ?? exchange;
    if (this.#queue.length > WAITING_MAX || exchange.readBefore - first.readBefore > WAITING_BYTES_MAX) return false;
    return this.#backlog.take(exchange);
  }

  #left(exchange: Exchange): void {
    exchange.close();
    // Those behind it go with the connection.
    if (this.#socket.destroyed || this.#queue[0] !== exchange) return;
    this.#queue.shift();
    const [next] = this.#queue;
    if (next) this.#run(next);
    else if (this.#ending) endConnection(this.#socket, this.#platform);
  }

  #halfOpen(): void {
    if (this.idle) return void this.#socket.end();
    // A stream has no end that its client could wait for: it has gone.
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
