import { FRAME, HEADER_BYTES, LENGTH_BYTES, SLOT_BYTES } from './wire.ts';

/** Frames are gathered in chunks of so many bytes. */
const CHUNK_BYTES = 64 * 1024;
/** Longer texts are measured before they are written. A shorter text needs at most three bytes of UTF-8 per UTF-16 unit. */
const MEASURED_FROM = 4 * 1024;
const UTF8_MOST = 3;

/** Takes the bytes of frames. */
export interface ByteSink {
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  readonly writableLength: number;
}

/** Gathers the frames of one turn of the event loop and writes them together, because a write costs more than a frame. */
export class FrameWriter {
  readonly #sink: ByteSink;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #start = 0;
  #end = 0;
  #full: Buffer[] = [];
  #fullBytes = 0;
  #scheduled = false;
  #closed = false;
  readonly #flush = () => this.flush();
  /** How often the writer was flushed. A frame that was added in the present turn has certainly not left. */
  turn = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  get unsentBytes(): number {
    return this.#sink.writableLength + this.#fullBytes + this.#end - this.#start;
  }

  /** Adds a frame. @returns the bytes of the text */
  frame(type: number, flags: number, id: number, text = ''): number {
    const most = text.length < MEASURED_FROM ? text.length * UTF8_MOST : Buffer.byteLength(text);
    this.#header(most, type, flags, id);
    return this.#text(text);
  }

  /** Adds a call or the opening of a stream. The number of its token precedes the text. */
  request(type: number, id: number, slot: number, text: string): void {
    const most = text.length < MEASURED_FROM ? text.length * UTF8_MOST : Buffer.byteLength(text);
    this.#header(SLOT_BYTES + most, type, 0, id);
    this.#end = this.#chunk.writeUInt16BE(slot, this.#end);
    this.#text(text);
  }

  credit(id: number, bytes: number): void {
    this.#header(4, FRAME.credit, 0, id);
    this.#end = this.#chunk.writeUInt32BE(bytes, this.#end);
    this.#text('');
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#chunk.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#schedule();
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    this.turn++;
    const bytes = this.#chunk.subarray(this.#start, this.#end);
    this.#start = this.#end;
    if (this.#full.length === 0) {
      if (bytes.length > 0) this.#sink.write(bytes);
      return;
    }
    const full = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    this.#sink.cork();
    for (const piece of full) this.#sink.write(piece);
    if (bytes.length > 0) this.#sink.write(bytes);
    this.#sink.uncork();
  }

  /** Ends the writer. Frames that were gathered are dropped. */
  close(): void {
    this.#closed = true;
    this.#full = [];
    this.#fullBytes = 0;
    this.#start = this.#end;
  }

  #frameAt = 0;

  #header(most: number, type: number, flags: number, id: number): void {
    this.#reserve(HEADER_BYTES + most);
    const chunk = this.#chunk;
    const at = this.#end;
    this.#frameAt = at;
    chunk[at + 4] = type;
    chunk[at + 5] = flags;
    chunk.writeUInt32BE(id, at + 6);
    this.#end = at + HEADER_BYTES;
  }

  /** Writes the rest of the frame. Only now is its length known. */
  #text(text: string): number {
    const bytes = text === '' ? 0 : this.#chunk.write(text, this.#end);
    this.#end += bytes;
    this.#chunk.writeUInt32BE(this.#end - this.#frameAt - LENGTH_BYTES, this.#frameAt);
    this.#schedule();
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return;
    if (this.#end > this.#start) {
      this.#full.push(this.#chunk.subarray(this.#start, this.#end));
      this.#fullBytes += this.#end - this.#start;
    }
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#start = 0;
    this.#end = 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    // After everything that is due in this turn, promises included, and before the event loop continues.
    process.nextTick(this.#flush);
  }
}
