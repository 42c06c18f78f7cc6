import type { Socket } from 'node:net';
import { RametError } from '../../errors/index.ts';
import { JsonError } from '../../platform/index.ts';
import { type Dispatcher, fault, type Reply } from '../call.ts';
import { decodeRequest, encodeReply, type IncomingCall, outcomeOf, ProtocolError } from '../messages.ts';
import { notAnswered, notSent, tooLarge } from '../payload.ts';
import type { Deadlines } from '../policies/deadlines.ts';
import { ServedCall } from '../served-call.ts';
import { ServedStream, type StreamAnswers } from '../served-stream.ts';
import type { Identities } from '../transport.ts';
import { Link, type LinkSettings } from './link.ts';
import { BODY, FINAL, FRAME, SLOT_BYTES, TOKEN_SLOTS } from './wire.ts';

export interface ServerSettings extends LinkSettings {
  readonly identities: Identities;
  readonly dispatchers: ReadonlyMap<string, Dispatcher>;
  readonly deadlines: Deadlines;
  readonly onError: (error: unknown, where: object) => void;
}

/** Who listens. */
export interface ConnectionHost {
  readonly draining: boolean;
  /** The other side has heard that it is to call elsewhere. */
  heard(connection: ServerConnection): void;
  lost(connection: ServerConnection): void;
}

const TOKEN_MAX = 32 * 1024;
/**
 * A caller gives up at its deadline and says so. Only one that cannot say so any more is waited for no longer than this: an answer
 * of ours before its own would tell it less than it knows.
 */
const GRACE_MS = 250;
/** A peer that reads nothing, while so many times the limit waits for it, is given up. */
const HOPELESS = 4;

/** The side of a connection that answers. */
export class ServerConnection extends Link implements StreamAnswers {
  readonly #host: ConnectionHost;
  readonly #answers: ServerSettings;
  readonly #running = new Map<number, ServedCall>();
  readonly #tokens: string[] = [];
  #streams = 0;
  #lastBegun = 0;
  #closing = false;
  #paused = false;

  constructor(settings: ServerSettings, socket: Socket, host: ConnectionHost) {
    super(settings, socket);
    this.#answers = settings;
    this.#host = host;
    this.greet();
  }

  get inFlight(): number {
    return this.#running.size;
  }

  get full(): boolean {
    return this.socket.writableNeedDrain;
  }

  /** Asks the other side to call elsewhere. */
  drain(): void {
    if (this.peer && !this.ended) this.out.frame(FRAME.goaway, 0, 0);
  }

  /** Ends it in good order: what has not begun is named, what runs is cancelled, and what is written still leaves. */
  close(endMs: number): void {
    if (this.ended || this.#closing) return;
    this.#closing = true;
    this.deaf();
    this.#stopAll(new RametError('ShuttingDown', undefined, { executed: 'unknown' }));
    this.out.frame(FRAME.goaway, FINAL, this.#lastBegun);
    this.out.flush();
    this.socket.end();
    this.settings.platform.timers.set(endMs, () => this.end(new Error('the other side did not let go')));
  }

  answer(call: ServedCall, reply: Reply): void {
    if (!this.#over(call) || call.cancelled) return;
    this.#write(FRAME.reply, call, reply);
  }

  expired(call: ServedCall, reply: Reply): void {
    if (!call.cancelled) this.#write(FRAME.reply, call, reply);
  }

  item(stream: ServedStream, reply: Reply): number {
    if (this.ended) return 0;
    return this.#write(FRAME.item, stream, reply);
  }

  endStream(stream: ServedStream, last: Reply | undefined): void {
    if (!this.#over(stream)) return;
    this.#streams--;
    if (stream.cancelled) return;
    if (last) this.#write(FRAME.end, stream, last);
    else this.out.frame(FRAME.end, BODY.nothing, stream.id);
  }

  protected ready(): void {
    if (this.#host.draining) this.drain();
  }

  protected received(type: number, _flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type === FRAME.call || type === FRAME.stream) this.#request(type, id, bytes, start, end);
    else if (type === FRAME.cancel) this.#running.get(id)?.stop(new RametError('Cancelled'));
    else if (type === FRAME.credit) this.#credit(id, bytes, start, end);
    else if (type === FRAME.token) this.#token(id, bytes, start, end);
    else if (type === FRAME.heard) this.#host.heard(this);
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
    for (const call of this.#running.values()) if (call instanceof ServedStream) call.wake();
  }

  protected lost(error: Error): void {
    this.#stopAll(new RametError('Cancelled', 'the connection of the caller was lost'));
    if (error instanceof ProtocolError) this.#answers.onError(error, { peer: this.peer?.process ?? this.socket.remoteAddress ?? '' });
    this.#host.lost(this);
  }

  #request(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start < SLOT_BYTES) throw new ProtocolError('a call without its token');
    if (this.#running.has(id) || id === 0) throw new ProtocolError(`a second call with the id ${id}`);
    this.#lastBegun = id;
    const token = this.#tokens[bytes.readUInt16BE(start)];
    if (token === undefined) throw new ProtocolError('a call with a token that was not told');
    let request: IncomingCall;
    try {
      request = decodeRequest(bytes.toString('utf8', start + SLOT_BYTES, end));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      this.#refuse(type, id, notSent({ service: 'this', operation: 'call' }, error));
      return;
    }
    const refused = this.#begin(type, id, token, request);
    if (refused) this.#refuse(type, id, refused);
  }

  #begin(type: number, id: number, token: string, { service, operation, meta, input }: IncomingCall): Reply | undefined {
    const { limits, dispatchers, identities, platform, process, deadlines } = this.#answers;
    const dispatcher = dispatchers.get(service);
    if (!dispatcher) return refusal('Unavailable', `process '${process}' does not host '${service}'`);
    if (this.#running.size >= limits.callsPerConnection)
      return refusal('Overloaded', `${this.#running.size} calls of one process are under way`);
    if (type === FRAME.stream && this.#streams >= limits.streamsPerConnection)
      return refusal('Overloaded', `${this.#streams} streams of one process are under way`);
    let caller: ReturnType<Identities['verify']>['caller'];
    try {
      caller = identities.verify(token, service).caller;
    } catch (error) {
      return fault(error instanceof RametError ? error : new RametError('Internal', 'the caller cannot be verified', { executed: 'no' }));
    }
    const what = `${service}.${operation}`;
    let call: ServedCall;
    if (type === FRAME.stream) {
      this.#streams++;
      call = new ServedStream(this, id, what, this.peer?.windowBytes ?? limits.windowBytes);
    } else {
      const nowMono = platform.clock.monoNow();
      call = new ServedCall(this, id, what, nowMono + meta.timeoutMs + GRACE_MS);
      deadlines.add(call, nowMono);
    }
    this.#running.set(id, call);
    call.begin(dispatcher, operation, input, { ...meta, caller });
    return undefined;
  }

  #refuse(type: number, id: number, reply: Reply): void {
    this.out.frame(type === FRAME.call ? FRAME.reply : FRAME.end, BODY.fault, id, encodeReply(reply));
  }

  #write(type: number, call: ServedCall, reply: Reply): number {
    const { limits, onError } = this.#answers;
    const payloadBytes = Math.min(limits.payloadBytes, this.peer?.payloadBytes ?? limits.payloadBytes);
    let outcome = outcomeOf(reply);
    let text: string;
    try {
      text = encodeReply(reply);
      if (text.length > payloadBytes / 3 && Buffer.byteLength(text) > payloadBytes)
        throw new RametError('PayloadTooLarge', `the answer of ${call.what} is larger than ${payloadBytes} bytes`, { executed: 'unknown' });
    } catch (error) {
      onError(error, { operation: call.what });
      outcome = BODY.fault;
      text = encodeReply(error instanceof JsonError ? notAnswered(call.what, error) : fault(error as RametError));
    }
    // A stream ends with what cannot be sent.
    if (type === FRAME.item && outcome !== BODY.value) {
      this.out.frame(FRAME.end, outcome, call.id, text);
      call.stop(new RametError('Cancelled'));
      return 0;
    }
    const bytes = this.out.frame(type, outcome, call.id, text);
    this.#bound();
    return bytes;
  }

  /** A peer that does not read what it is answered is asked for no more calls, and given up in the end. */
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
    const call = this.#running.get(id);
    if (call instanceof ServedStream) call.credit(bytes.readUInt32BE(start));
  }

  #token(slot: number, bytes: Buffer, start: number, end: number): void {
    if (slot >= TOKEN_SLOTS || end - start > TOKEN_MAX) throw new ProtocolError('a token with a number or a length that is too large');
    this.#tokens[slot] = bytes.toString('utf8', start, end);
  }

  #over(call: ServedCall): boolean {
    this.#answers.deadlines.remove(call);
    return this.#running.delete(call.id);
  }

  #stopAll(error: RametError): void {
    for (const call of [...this.#running.values()]) call.stop(error);
  }
}

const refusal = (code: 'Unavailable' | 'Overloaded', detail: string): Reply => fault(new RametError(code, detail, { executed: 'no' }));
