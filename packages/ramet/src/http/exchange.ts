import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import { Canceller } from '../rpc/index.ts';
import { COMMON_HEADERS, type HttpAnswer } from './answers.ts';
import { announcesBody, Body, type BodyBudget } from './body.ts';
import type { GatedRequest, Refusal } from './request-gate.ts';

/** A client that reads nothing for this long has left. */
const UNREAD_MS = 30 * SECOND;
/** The slowest rate at which a client may read a whole answer, after {@link UNREAD_MS}. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;

/** One request and its answer. It begins when the earlier requests of its connection have been answered. */
export class HttpExchange {
  readonly request: IncomingMessage;
  readonly gated: GatedRequest | Refusal;
  readonly canceller = new Canceller();
  /** The address of the other end of the connection; empty where it has none. */
  readonly socketAddress: string;
  readonly startedMono: number;
  /** How many bytes of its connection had been read when it began to wait. */
  readBefore = 0;
  readonly #platform: Platform;
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #body: Body | undefined;
  readonly #closed: (() => void)[] = [];
  #awaitsContinue: boolean;
  #streaming = false;

  constructor(
    platform: Platform,
    message: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly awaitsContinue: boolean },
    gated: GatedRequest | Refusal,
    budget: BodyBudget,
  ) {
    this.request = message.request;
    this.gated = gated;
    this.startedMono = platform.clock.monoNow();
    this.#platform = platform;
    this.#response = message.response;
    this.#socket = message.request.socket;
    this.socketAddress = this.#socket.remoteAddress ?? '';
    this.#awaitsContinue = message.awaitsContinue;
    // Without listeners, their errors would end the process.
    this.request.on('error', () => {});
    this.#response.on('error', () => {});
    this.#body = gated.ok && announcesBody(gated.headers) ? new Body(platform, this.request, budget) : undefined;
  }

  /** Whether the head of an answer has been sent: after that, no other answer is possible. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Whether a streamed answer has begun. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Whether the client has not sent the whole request yet. */
  get incomplete(): boolean {
    return this.#body !== undefined && !this.request.complete;
  }

  /**
   * Whether the connection must end with the answer. The client may still send the rest of a body, or hold it back because it never got
   * `100 Continue`; it may continue in another protocol; before HTTP/1.1, only the end of the connection ends a stream.
   */
  endsConnection(answer: HttpAnswer): boolean {
    const isUpgrade = this.gated.ok && this.gated.headers.has('upgrade');
    return this.incomplete || this.#awaitsContinue || isUpgrade || ('lines' in answer && this.request.httpVersion === '1.0');
  }

  /** Reads the body; a client that waits for `100 Continue` gets it now. @throws RametError as {@link Body.read} does */
  async body(): Promise<Uint8Array | undefined> {
    if (!this.#body) return undefined;
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    return this.#body.read();
  }

  /** Fails the body, because the rest of the request is broken or too late. */
  breakBody(error: RametError): void {
    if (this.incomplete) this.#body?.fail(error);
  }

  /** Cancels the request: the client has left, or the server closes. */
  abandon(reason: RametError): void {
    this.#body?.fail(reason);
    this.canceller.cancel(reason);
  }

  /** Calls `left` when the answer has been sent. */
  onLeft(left: () => void): void {
    this.#response.once('close', left);
  }

  /** Calls `closed` when the exchange is over. */
  onClosed(closed: () => void): void {
    this.#closed.push(closed);
  }

  /** Ends the exchange: its answer has been sent, or cannot be sent any more. Calling it again has no effect. */
  close(): void {
    this.#body?.release();
    if (!this.#response.writableFinished) this.canceller.cancel(new RametError('Cancelled'));
    for (const closed of this.#closed.splice(0)) closed();
  }

  /**
   * Sends the answer.
   * @param last whether the connection ends with it
   * @throws TypeError when a header cannot be sent; in this case nothing has been sent
   */
  async send(answer: HttpAnswer, last: boolean): Promise<void> {
    const response = this.#response;
    const headers: Record<string, string | number> = { ...COMMON_HEADERS, ...answer.headers };
    if (last) headers['connection'] = 'close';
    if ('lines' in answer) {
      response.writeHead(answer.status, headers);
      return this.#stream(answer.lines);
    }
    const body =
      typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.byteLength);
    const bytes = Buffer.byteLength(body);
    // The answer to a HEAD names the length that a GET would have; these two statuses have no length.
    if (answer.status !== 204 && answer.status !== 304) headers['content-length'] ??= bytes;
    response.writeHead(answer.status, headers);
    if (this.request.method === 'HEAD') response.end();
    else response.end(body);
    this.#expectReader((bytes / SLOWEST_BYTES_PER_SECOND) * SECOND);
  }

  async #stream(lines: AsyncIterable<string>): Promise<void> {
    const response = this.#response;
    this.#streaming = true;
    response.flushHeaders();
    for await (const line of lines) {
      if (response.destroyed) break;
      if (!response.write(line)) await this.#drained();
    }
    response.end();
    this.#expectReader(0);
  }

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(UNREAD_MS, () => this.#socket.destroy());
      const done = () => {
        timer.cancel();
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  /** Ends the connection when the client does not read the answer. */
  #expectReader(moreMs: number): void {
    if (this.#socket.writableLength === 0) return;
    const timer = this.#platform.timers.set(UNREAD_MS + moreMs, () => this.#socket.destroy());
    this.#response.once('close', () => timer.cancel());
  }
}
