import type { Socket } from 'node:net';
import type { Platform } from '../../platform/index.ts';
import { ProtocolError } from '../messages.ts';
import { FrameDecoder, type FrameHead, type FrameSink } from './decoder.ts';
import { FrameWriter } from './frame-writer.ts';
import { commonVersion, decodeHello, encodeHello, type Hello, noCommonVersion } from './hello.ts';
import { FRAME, HEADER_BYTES, MAGIC, type MuxLimits, OPTIONAL_FRAMES, SLOT_BYTES, VERSIONS } from './wire.ts';

/** The settings of both sides of a connection. */
export interface LinkSettings {
  readonly platform: Platform;
  /** The name of this process, for messages. */
  readonly process: string;
  readonly limits: MuxLimits;
  /** The silence after which the other side is pinged. */
  readonly pingAfterMs: number;
  /** A peer that does not answer a ping for so long is taken for dead. */
  readonly deadAfterMs: number;
  /** A connection that is not ready after this is closed. */
  readonly connectMs: number;
}

/** One side of a connection: greeting, frames, silence, end. */
export abstract class Link implements FrameSink {
  readonly settings: LinkSettings;
  readonly socket: Socket;
  readonly out: FrameWriter;
  /** The introduction of the other side; undefined until it has arrived. */
  peer: Hello | undefined;
  ended = false;
  readonly #decoder: FrameDecoder;
  readonly #beganMono: number;
  #heardMono: number;
  #askedMono: number | undefined;

  constructor(settings: LinkSettings, socket: Socket) {
    this.settings = settings;
    this.socket = socket;
    this.out = new FrameWriter(socket);
    this.#decoder = new FrameDecoder(this, settings.limits.payloadBytes + HEADER_BYTES + SLOT_BYTES);
    this.#beganMono = settings.platform.clock.monoNow();
    this.#heardMono = this.#beganMono;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#heard(chunk));
    socket.on('drain', () => this.drained());
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the other side ended the connection')));
    socket.on('end', () => this.end(new Error('the other side ended the connection')));
  }

  /** Introduces this side. */
  greet(): void {
    const { process, limits } = this.settings;
    this.out.raw(MAGIC);
    const { payloadBytes, windowBytes } = limits;
    this.out.frame(FRAME.hello, 0, 0, encodeHello({ ...VERSIONS, process, payloadBytes, windowBytes }));
  }

  /**
   * Checks that the other side is alive. Called periodically.
   * @param late whether this process was blocked itself, so that silence says nothing about the other side
   */
  look(nowMono: number, late: boolean): void {
    const { pingAfterMs, deadAfterMs, connectMs } = this.settings;
    if (!this.peer) {
      if (nowMono - this.#beganMono > connectMs) this.end(new Error(`no greeting in ${connectMs} ms`));
    } else if (this.#askedMono === undefined) {
      if (nowMono - this.#heardMono < pingAfterMs) return;
      this.#askedMono = nowMono;
      this.out.frame(FRAME.ping, 0, 0);
    } else if (late) this.#askedMono = nowMono;
    else if (nowMono - this.#askedMono > deadAfterMs)
      this.end(new Error(`nothing was heard for ${Math.round(nowMono - this.#heardMono)} ms`));
  }

  frame(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    const { type } = head;
    if (type === FRAME.ping) this.out.frame(FRAME.pong, 0, head.id);
    else if (type === FRAME.hello || !this.peer) this.#introduced(type, bytes, start, end);
    else if (type !== FRAME.pong) this.received(head, bytes, start, end);
  }

  malformed(why: string): void {
    this.end(new ProtocolError(why));
  }

  /** Ends the connection. Bytes that wait to be written are dropped. */
  end(error: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.#decoder.end();
    // Before the frame writer drops what has not left: calls need to know whether they left.
    this.lost(error);
    this.out.close();
    this.socket.destroy();
  }

  /** Ignores everything that still arrives. */
  deaf(): void {
    this.#decoder.end();
  }

  /** The other side has introduced itself. */
  protected abstract ready(): void;
  protected abstract received(head: FrameHead, bytes: Buffer, start: number, end: number): void;
  abstract oversized(type: number, id: number, bytes: number): void;
  /** Everything that waited to be written has been written. */
  protected abstract drained(): void;
  /** The connection has ended. Called once. */
  protected abstract lost(error: Error): void;

  /** Handles a frame of an unknown type. @throws ProtocolError unless the type is optional */
  protected unknown(type: number): void {
    if (type < OPTIONAL_FRAMES) throw new ProtocolError(`a frame of type ${type}`);
  }

  #heard(chunk: Buffer): void {
    this.#heardMono = this.settings.platform.clock.monoNow();
    this.#askedMono = undefined;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.end(error as Error);
    }
  }

  #introduced(type: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FRAME.hello || this.peer) throw new ProtocolError('a connection begins with one hello');
    const peer = decodeHello(bytes.toString('utf8', start, end));
    if (commonVersion(VERSIONS, peer) === undefined) throw new ProtocolError(noCommonVersion(peer));
    this.peer = peer;
    this.ready();
  }
}
