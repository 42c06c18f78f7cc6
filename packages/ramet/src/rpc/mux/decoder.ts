import { HEADER_BYTES, LENGTH_BYTES, MAGIC } from './wire.ts';

/** What stands before the body of a frame. */
export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
}

/** Receives each frame as soon as it is complete. */
export interface FrameSink {
  /** Receives a frame. Its body is `bytes` from `start` to `end`. Neither the body nor `head` may be kept: both are reused for the next frame. */
  frame(head: FrameHead, bytes: Buffer, start: number, end: number): void;
  /** Receives the head of a frame that is too large. Its body is skipped. */
  oversized(type: number, id: number, bytes: number): void;
  /** The bytes are not a frame. Nothing more is reported. */
  malformed(why: string): void;
}

/** A frame of more than so many times the limit is treated as noise. */
const NOISE = 16;
/** A buffer for a larger frame is released after it. */
const KEPT_BYTES = 64 * 1024;

/**
 * Splits a stream of bytes into frames, in whatever pieces it arrives. It never throws, and never allocates for bytes that were
 * only announced: it keeps at most twice the received bytes of one frame, and one frame has at most `frameBytes`.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #frameBytes: number;
  /** One for all frames: they cost no allocation. */
  readonly #head = { type: 0, flags: 0, id: 0 };
  #greeted = 0;
  #held: Buffer = Buffer.alloc(0);
  #length = 0;
  /** How many bytes are needed before the current frame can be read, or is complete. */
  #wanted = HEADER_BYTES;
  #skip = 0;
  #ended = false;

  /** @param frameBytes the maximum size of a whole frame */
  constructor(sink: FrameSink, frameBytes: number) {
    this.#sink = sink;
    this.#frameBytes = frameBytes;
  }

  /** Whether the other side has said that it speaks this protocol. */
  get greeted(): boolean {
    return this.#greeted === MAGIC.length;
  }

  /** How many bytes of an incomplete frame are kept. */
  get keptBytes(): number {
    return this.#held.length;
  }

  /** Ends the decoder: nothing more is reported. */
  end(): void {
    this.#ended = true;
    this.#held = Buffer.alloc(0);
    this.#length = 0;
  }

  push(chunk: Buffer): void {
    if (this.#ended) return;
    let at = this.greeted ? 0 : this.#greet(chunk);
    while (at < chunk.length && !this.#ended) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
      } else if (this.#length > 0) at = this.#readOn(chunk, at);
      else at = this.#begin(chunk, at);
    }
  }

  #greet(chunk: Buffer): number {
    let at = 0;
    for (; at < chunk.length && this.#greeted < MAGIC.length; at++, this.#greeted++) {
      if (chunk[at] === MAGIC[this.#greeted]) continue;
      this.#malformed('the other side does not speak mux');
      return chunk.length;
    }
    return at;
  }

  /** Reads from the first byte of a frame. */
  #begin(chunk: Buffer, at: number): number {
    const left = chunk.length - at;
    if (left < HEADER_BYTES) return this.#hold(chunk, at, HEADER_BYTES);
    const whole = this.#readHead(chunk, at);
    if (whole === 0) return at + HEADER_BYTES;
    if (left < whole) return this.#hold(chunk, at, whole);
    this.#report(chunk, at, whole);
    return at + whole;
  }

  /** Reads on within a frame whose beginning is kept. */
  #readOn(chunk: Buffer, at: number): number {
    const next = this.#hold(chunk, at, this.#wanted);
    if (this.#length < this.#wanted) return next;
    if (this.#wanted === HEADER_BYTES) {
      const whole = this.#readHead(this.#held, 0);
      if (whole > HEADER_BYTES) {
        this.#wanted = whole;
        return next;
      }
      if (whole === 0) {
        this.#length = 0;
        return next;
      }
    }
    const { length } = this.#held;
    this.#length = 0;
    this.#report(this.#held, 0, this.#wanted);
    if (length > KEPT_BYTES) this.#held = Buffer.alloc(0);
    return next;
  }

  /** Reads a header. @returns the size of the whole frame; 0 for a frame that is skipped */
  #readHead(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    const whole = LENGTH_BYTES + length;
    if (whole < HEADER_BYTES || whole > NOISE * this.#frameBytes) {
      this.#malformed(`a frame of ${length} bytes`);
      return 0;
    }
    if (whole <= this.#frameBytes) return whole;
    this.#skip = whole - HEADER_BYTES;
    this.#sink.oversized(bytes[at + 4] as number, bytes.readUInt32BE(at + 6), whole);
    return 0;
  }

  #report(bytes: Buffer, at: number, whole: number): void {
    const head = this.#head;
    head.type = bytes[at + 4] as number;
    head.flags = bytes[at + 5] as number;
    head.id = bytes.readUInt32BE(at + 6);
    this.#sink.frame(head, bytes, at + HEADER_BYTES, at + whole);
  }

  /** Keeps the received bytes of a frame, up to `wanted` of them. */
  #hold(chunk: Buffer, at: number, wanted: number): number {
    this.#wanted = wanted;
    const taken = Math.min(wanted - this.#length, chunk.length - at);
    const length = this.#length + taken;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(2 * length, HEADER_BYTES), Math.max(wanted, length)));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#length, at, at + taken);
    this.#length = length;
    return at + taken;
  }

  #malformed(why: string): void {
    this.end();
    this.#sink.malformed(why);
  }
}
