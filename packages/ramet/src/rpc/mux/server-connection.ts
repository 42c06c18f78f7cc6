import type { Socket } from 'node:net';
import { RametError } from '../../errors/index.ts';
import { JsonError } from '../../platform/index.ts';
import { AnswerText } from '../answer-text.ts';
import type { Fault, Reply } from '../call.ts';
import { decodeRequest, encodeReply, type IncomingCall, ProtocolError } from '../messages.ts';
import { notSent, tooLarge } from '../payload.ts';
import type { ServedCall } from '../served-call.ts';
import { type Answers, ServedCalls } from '../served-calls.ts';
import type { ServedStream } from '../served-stream.ts';
import type { ServedConnection, Serving } from '../serving.ts';
import type { FrameHead } from './decoder.ts';
import { Link, type LinkSettings } from './link.ts';
import { BODY, FINAL, FRAME, SLOT_BYTES, TOKEN_SLOTS } from './wire.ts';

const TOKEN_MAX = 32 * 1024;
/** A peer that reads nothing while so many times the limit waits for it is disconnected. */
const HOPELESS = 4;

/** The side of a connection that answers: frames in and out, and the state of one connection. */
export class ServerConnection extends Link implements ServedConnection, Answers {
  readonly #serving: Serving<ServerConnection>;
  readonly #calls: ServedCalls;
  readonly #texts: AnswerText;
  readonly #tokens: string[] = [];
  #lastBegun = 0;
  #closing = false;
  #paused = false;

  constructor(settings: LinkSettings, socket: Socket, serving: Serving<ServerConnection>) {
    super(settings, socket);
    this.#serving = serving;
    this.#calls = new ServedCalls(serving, this);
    this.#texts = new AnswerText(serving.settings.onError);
    serving.add(this);
    this.greet();
  }

  get inFlight(): number {
    return this.#calls.inFlight;
  }

  get full(): boolean {
    return this.socket.writableNeedDrain;
  }

  drain(): boolean {
    if (!this.peer || this.ended) return false;
    this.out.frame(FRAME.goaway, 0, 0);
    return true;
  }

  /** Ends in good order: calls that have not begun are named, running calls are cancelled, and written answers still leave. */
  close(endMs: number): void {
    if (this.ended || this.#closing) return;
    this.#closing = true;
    this.deaf();
    this.#calls.stopAll(new RametError('ShuttingDown', undefined, { executed: 'unknown' }));
    this.out.frame(FRAME.goaway, FINAL, this.#lastBegun);
    this.out.flush();
    this.socket.end();
    this.settings.platform.timers.set(endMs, () => this.end(new Error('the other side did not close the connection')));
  }

  writeReply(call: ServedCall, reply: Reply): void {
    this.#write(FRAME.reply, call, reply);
  }

  writeItem(stream: ServedStream, reply: Reply): number | undefined {
    return this.ended ? 0 : this.#write(FRAME.item, stream, reply);
  }

  writeEnd(stream: ServedStream, last: Reply | undefined): void {
    if (last) this.#write(FRAME.end, stream, last);
    else this.out.frame(FRAME.end, BODY.nothing, stream.id);
  }

  protected ready(): void {
    if (this.#serving.draining) this.drain();
  }

  protected received({ type, id }: FrameHead, bytes: Buffer, start: number, end: number): void {
    if (type === FRAME.call || type === FRAME.stream) this.#request(type, id, bytes, start, end);
    else if (type === FRAME.cancel) this.#calls.cancel(id);
    else if (type === FRAME.credit) this.#credit(id, bytes, start, end);
    else if (type === FRAME.token) this.#token(id, bytes, start, end);
    else if (type === FRAME.heard) this.#serving.heard(this);
    else this.unknown(type);
  }

  oversized(type: number, id: number, bytes: number): void {
    if (!this.peer) throw new ProtocolError('a hello that is too large');
    if (type !== FRAME.call && type !== FRAME.stream) return;
    this.#lastBegun = id;
    this.#refuse(type, id, tooLarge(`a call of ${bytes} bytes`, this.settings.limits.payloadBytes, 'no'));
  }

  protected drained(): void {
    if (this.#paused && !this.#closing) {
      this.#paused = false;
      this.socket.resume();
    }
    this.#calls.wake();
  }

  protected lost(error: Error): void {
    this.#calls.stopAll(new RametError('Cancelled', 'the connection of the caller was lost'));
    const peer = this.peer?.process ?? this.socket.remoteAddress ?? '';
    if (error instanceof ProtocolError) this.#serving.settings.onError(error, { peer });
    this.#serving.lost(this);
  }

  #request(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start < SLOT_BYTES) throw new ProtocolError('a call without its token');
    if (this.#calls.has(id) || id === 0) throw new ProtocolError(`a second call with the id ${id}`);
    this.#lastBegun = id;
    const token = this.#tokens[bytes.readUInt16BE(start)];
    if (token === undefined) throw new ProtocolError('a call with a token that was not announced');
    let incoming: IncomingCall;
    try {
      incoming = decodeRequest(bytes.toString('utf8', start + SLOT_BYTES, end));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      this.#refuse(type, id, notSent({ service: 'this', operation: 'call' }, error));
      return;
    }
    const windowBytes = this.peer?.windowBytes ?? this.settings.limits.windowBytes;
    const refused =
      type === FRAME.stream ? this.#calls.beginStream(id, token, incoming, windowBytes) : this.#calls.begin(id, token, incoming);
    if (refused) this.#refuse(type, id, refused);
  }

  #refuse(type: number, id: number, refused: Fault): void {
    this.out.frame(type === FRAME.call ? FRAME.reply : FRAME.end, BODY.fault, id, encodeReply(refused));
  }

  /** Writes a reply. @returns the bytes of the text; undefined for an item that a fault has replaced, as the end of its stream */
  #write(type: number, call: ServedCall, reply: Reply): number | undefined {
    const { payloadBytes } = this.settings.limits;
    const text = this.#texts.of(reply, call.what, Math.min(payloadBytes, this.peer?.payloadBytes ?? payloadBytes));
    const { outcome } = this.#texts;
    if (type === FRAME.item && outcome !== BODY.value) {
      this.out.frame(FRAME.end, outcome, call.id, text);
      return undefined;
    }
    const bytes = this.out.frame(type, outcome, call.id, text);
    this.#bound();
    return bytes;
  }

  /** Stops reading calls from a peer that does not read its answers, and disconnects it in the end. */
  #bound(): void {
    const { unsentBytes } = this.settings.limits;
    const waiting = this.out.unsentBytes;
    if (waiting <= unsentBytes) return;
    if (waiting > HOPELESS * unsentBytes) this.end(new Error(`the other side reads nothing, and ${waiting} bytes wait for it`));
    else if (!this.#paused) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  #credit(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ProtocolError('a credit of four bytes');
    this.#calls.credit(id, bytes.readUInt32BE(start));
  }

  #token(slot: number, bytes: Buffer, start: number, end: number): void {
    if (slot >= TOKEN_SLOTS || end - start > TOKEN_MAX) throw new ProtocolError('a token with a number or a length that is too large');
    this.#tokens[slot] = bytes.toString('utf8', start, end);
  }
}
