import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import { Canceller } from '../rpc/index.ts';
import { COMMON_HEADERS, type HttpAnswer } from './answers.ts';
import { announcesBody, Body, type BodyBudget } from './body.ts';
import type { GatedRequest, Refusal } from './request-gate.ts';

/** A client that reads nothing for so long has gone. */
const UNREAD_MS = 30 * SECOND;
/** What a client takes at least of a whole answer, beyond {@link UNREAD_MS}. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;

/** One request and its answer. Nothing of it happens before the requests before it on the connection are answered. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly gated: GatedRequest | Refusal;
  readonly canceller = new Canceller();
  /** The address of the other end of the connection; empty when there is none. */
  readonly socketAddress: string;
  readonly startedMono: number;
  /** How much of its connection had been read when it began to wait. */
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
    // Without listeners their errors would end the process.
    this.request.on('error', () => {});
    this.#response.on('error', () => {});
    this.#body = gated.ok && announcesBody(gated.headers) ? new Body(platform, this.request, budget) : undefined;
  }

  /** Whether the head of the answer has left: after that no other answer can be sent. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Whether the answer is sent piece by piece, and has begun. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Whether the client has not sent all of the request. */
  get incomplete(): boolean {
    return this.#body !== undefined && !this.request.complete;
  }

  /**
   * Whether the connection ends with the answer, whatever it says: the client may send the rest of a body, or hold it back because it was
   * not told to send it; it may go on in another protocol; or, before HTTP/1.1, it finds the end of a stream in the end of the connection.
   */
  endsConnection(answer: HttpAnswer): boolean {
    const isUpgrade = this.gated.ok && this.gated.headers.has('upgrade');
    return this.incomplete || this.#awaitsContinue || isUpgrade || ('lines' in answer && this.request.httpVersion === '1.0');
  }

  /** Reads the body; a client that waits for `100 Continue` sends it now. @throws RametError what {@link Body.read} throws */
  async body(): Promise<Uint8Array | undefined> {
    if (!this.#body) return undefined;
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    return this.#body.read();
  }

  /** The rest of the request is broken, or too late. */
  breakBody(error: RametError): void {
    if (this.incomplete) this.#body?.fail(error);
  }

  /** The client has gone, or time is up. */
  abandon(reason: RametError): void {
    this.#body?.fail(reason);
    this.canceller.cancel(reason);
  }

  /** Calls `left` when the answer has left. */
  onLeft(left: () => void): void {
    this.#response.once('close', left);
  }

  /** Calls `closed` when nothing more comes of it. */
  onClosed(closed: () => void): void {
    this.#closed.push(closed);
  }

  /** The answer has left, or cannot any more. Harmless when it has been closed. */
  close(): void {
    this.#body?.release();
    if (!this.#response.writableFinished) this.canceller.cancel(new RametError('Cancelled'));
    for (const closed of this.#closed.splice(0)) closed();
  }

  /**
   * Sends the answer.
   * @param last whether the connection ends with it
   * @throws TypeError when a header cannot be sent; nothing has left then
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
    // What is not sent has the length that the answer to a GET would name; these two have none.
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

  /** Ends the connection when the client does not take what was sent. */
  #expectReader(moreMs: number): void {
    if (this.#socket.writableLength === 0) return;
    const timer = this.#platform.timers.set(UNREAD_MS + moreMs, () => this.#socket.destroy());
    this.#response.once('close', () => timer.cancel());
  }
}
