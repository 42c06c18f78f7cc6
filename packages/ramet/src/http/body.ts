import { IncomingMessage } from 'node:http';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND, type Timer } from '../platform/index.ts';
import type { GatedRequest, Refusal } from './request-gate.ts';

const BODY_MAX_BYTES = 1024 * 1024;
/** The bytes of all bodies of requests without an answer. */
const ALL_BODIES_MAX_BYTES = 128 * 1024 * 1024;
/** A small piece costs as much time as a large one: no honest client splits a body into more pieces than this. */
const PIECES_MAX = 16_384;
const GATHERED_MIN_BYTES = 1_024;
/** How many bytes are read of a body before a handler requests it. */
const UNASKED_MAX_BYTES = 64 * 1024;
/** A body may take this long, and a second more for each {@link SLOWEST_BYTES_PER_SECOND}: slower ones hold resources that others need. */
const PATIENCE_MS = 5_000;
const SLOWEST_BYTES_PER_SECOND = 1_024;

/** Counts the bytes of bodies that a server holds, so that many uploads at once cannot fill the memory. */
export class BodyBudget {
  #held = 0;

  /** Takes room for bytes. @returns whether there was room */
  take(bytes: number): boolean {
    if (this.#held + bytes > ALL_BODIES_MAX_BYTES) return false;
    this.#held += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** Whether the head of a request announces a body. */
export const announcesBody = (headers: ReadonlyMap<string, string>): boolean =>
  headers.has('transfer-encoding') || !/^0*$/.test(headers.get('content-length') ?? '');

/**
 * Gathers the bytes of a body as they arrive. A piece of one byte is an object of several hundred bytes, so pieces are copied together
 * at once: a body takes at most twice the memory of its bytes, however its client splits it.
 */
class Gathered {
  #bytes: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    const held = this.#bytes;
    const length = this.#length + piece.length;
    // Most bodies arrive in one piece, which is not copied.
    if (!held) this.#bytes = piece;
    else {
      if (length > held.length) {
        this.#bytes = Buffer.allocUnsafeSlow(Math.max(GATHERED_MIN_BYTES, 2 * length));
        held.copy(this.#bytes, 0, 0, this.#length);
      }
      piece.copy(this.#bytes as Buffer, this.#length);
    }
    this.#length = length;
  }

  get whole(): Buffer {
    return this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }
}

/** The body of one request. Only little of it is read before a handler requests it. */
export class Body {
  readonly #platform: Platform;
  readonly #budget: BodyBudget;
  readonly #request: IncomingMessage;
  #isAsked = false;
  #gathered = new Gathered();
  #pieces = 0;
  #broken: RametError | undefined;
  #isWhole = false;
  #reading: PromiseWithResolvers<Uint8Array> | undefined;
  #timer: Timer | undefined;

  constructor(platform: Platform, request: IncomingMessage, budget: BodyBudget) {
    this.#platform = platform;
    this.#budget = budget;
    this.#request = request;
    // A stream stores unread bytes in pieces, which may be of one byte each: this takes them before the stream does.
    request.push = (piece: Buffer | null) => {
      if (piece === null) {
        this.#whole();
        return IncomingMessage.prototype.push.call(request, null);
      }
      this.#add(piece);
      // If false, the parser stops reading.
      return this.#isAsked || (!this.#broken && this.#gathered.length < UNASKED_MAX_BYTES);
    };
    request.once('close', () => this.#gone());
  }

  /**
   * Reads the whole body.
   * @throws RametError PayloadTooLarge, RequestTimeout when it arrives too slowly, Overloaded when too many bodies are being read,
   *   MalformedRequest when its framing is broken, Cancelled when the client has left
   */
  read(): Promise<Uint8Array> {
    this.#isAsked = true;
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#isWhole) return Promise.resolve(this.#gathered.whole);
    const reading = Promise.withResolvers<Uint8Array>();
    this.#reading = reading;
    this.#request.socket.resume();
    this.#hurry(this.#platform.clock.monoNow(), PATIENCE_MS);
    return reading.promise;
  }

  /** Drops the rest of the body; the reader fails with `error`. */
  fail(error: RametError): void {
    this.#broken ??= error;
    this.#timer?.cancel();
    this.#reading?.reject(this.#broken);
    this.#forget();
  }

  /** Releases the bytes that it holds. */
  release(): void {
    this.#gone();
    this.#forget();
  }

  #forget(): void {
    this.#budget.release(this.#gathered.length);
    this.#gathered = new Gathered();
  }

  #add(piece: Buffer): void {
    if (this.#broken) return;
    this.#pieces++;
    if (this.#gathered.length + piece.length > BODY_MAX_BYTES) this.fail(tooLarge());
    else if (this.#pieces > PIECES_MAX)
      this.fail(new RametError('PayloadTooLarge', `The body has more than ${PIECES_MAX} pieces; send larger pieces`));
    else if (this.#budget.take(piece.length)) this.#gathered.add(piece);
    else this.fail(new RametError('Overloaded', 'Too many bodies are being received', { retryAfterMs: SECOND }));
  }

  /** An error costs more than reading a small body, so it is made only for a body that is incomplete. */
  #gone(): void {
    if (!this.#isWhole && !this.#broken) this.fail(new RametError('Cancelled'));
  }

  #whole(): void {
    this.#isWhole = true;
    this.#timer?.cancel();
    this.#reading?.resolve(this.#gathered.whole);
  }

  #hurry(startedMono: number, afterMs: number): void {
    this.#timer = this.#platform.timers.set(afterMs, () => {
      const allowedMs = PATIENCE_MS + (this.#gathered.length / SLOWEST_BYTES_PER_SECOND) * SECOND;
      const leftMs = allowedMs - (this.#platform.clock.monoNow() - startedMono);
      if (leftMs <= 0) this.fail(new RametError('RequestTimeout', 'The body arrives too slowly'));
      else this.#hurry(startedMono, leftMs);
    });
  }
}

/** Refuses a request by the announced length of its body. */
export function declaresTooMuch(gated: GatedRequest | Refusal): Refusal | undefined {
  if (!gated.ok || Number(gated.headers.get('content-length') ?? 0) <= BODY_MAX_BYTES) return undefined;
  const { code, message, status } = tooLarge();
  return { ok: false, status, code, detail: message };
}

const tooLarge = (): RametError => new RametError('PayloadTooLarge', `The body is larger than ${BODY_MAX_BYTES} bytes`);
