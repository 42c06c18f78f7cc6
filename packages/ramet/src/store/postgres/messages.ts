import type { Encoded } from './values.ts';

/*
 * The messages of PostgreSQL's extended protocol that a client sends (PostgreSQL documentation, 55.7). They are written into
 * one buffer, so that statements that travel together cost one write.
 */
const PARSE = 0x50;
const BIND = 0x42;
const DESCRIBE = 0x44;
const EXECUTE = 0x45;
const CLOSE = 0x43;
const SYNC = 0x53;
const PORTAL = 0x50;
const STATEMENT = 0x53;

/** Messages on their way into one packet. */
export class Messages {
  #bytes = Buffer.allocUnsafe(1_024);
  #length = 0;

  parse(name: string, text: string): void {
    const at = this.#begin(PARSE, 16 + 3 * (name.length + text.length));
    this.#text(name);
    this.#text(text);
    // The server finds out the types of the parameters.
    this.#int16(0);
    this.#end(at);
  }

  /** Parameters go as text, bytes as they are; every column comes back as text. */
  bind(name: string, values: readonly Encoded[]): void {
    let size = 32 + 3 * name.length;
    for (const value of values) size += 6 + (value === null ? 0 : 3 * value.length);
    const at = this.#begin(BIND, size);
    this.#text('');
    this.#text(name);
    this.#int16(values.length);
    for (const value of values) this.#int16(value instanceof Buffer ? 1 : 0);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    this.#int16(0);
    this.#end(at);
  }

  describe(): void {
    const at = this.#begin(DESCRIBE, 8);
    this.#bytes[this.#length++] = PORTAL;
    this.#text('');
    this.#end(at);
  }

  execute(): void {
    const at = this.#begin(EXECUTE, 16);
    this.#text('');
    // All rows.
    this.#int32(0);
    this.#end(at);
  }

  close(name: string): void {
    const at = this.#begin(CLOSE, 16 + 3 * name.length);
    this.#bytes[this.#length++] = STATEMENT;
    this.#text(name);
    this.#end(at);
  }

  sync(): void {
    this.#end(this.#begin(SYNC, 8));
  }

  packet(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @returns where the length of the message stands */
  #begin(kind: number, size: number): number {
    if (this.#length + size > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#length + size));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = kind;
    this.#length += 4;
    return this.#length - 4;
  }

  /** A message's length counts itself, and not the letter before it. */
  #end(at: number): void {
    this.#bytes.writeInt32BE(this.#length - at, at);
  }

  #text(text: string): void {
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
    this.#bytes[this.#length++] = 0;
  }

  #value(value: Encoded): void {
    if (value === null) {
      this.#int32(-1);
      return;
    }
    const at = this.#length;
    this.#length += 4;
    if (typeof value === 'string') this.#length += this.#bytes.write(value, this.#length, 'utf8');
    else this.#length += value.copy(this.#bytes, this.#length);
    this.#bytes.writeInt32BE(this.#length - at - 4, at);
  }

  #int16(value: number): void {
    this.#length = this.#bytes.writeInt16BE(value, this.#length);
  }

  #int32(value: number): void {
    this.#length = this.#bytes.writeInt32BE(value, this.#length);
  }
}
