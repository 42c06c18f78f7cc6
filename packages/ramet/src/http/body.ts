import type { IncomingMessage } from 'node:http';
import { RametError } from '../errors/index.ts';
import { type Platform, SECOND, type Timer } from '../platform/index.ts';
import type { GatedRequest, Refusal } from './request-gate.ts';

const BODY_MAX_BYTES = 1024 * 1024;
/** Of all bodies that are being read or have been read and are not answered. */
const ALL_BODIES_MAX_BYTES = 128 * 1024 * 1024;
/** A body may take this long, and a second more for each {@link SLOWEST_BYTES_PER_SECOND}: slower ones hold what others need. */
const PATIENCE_MS = 5_000;
const SLOWEST_BYTES_PER_SECOND = 1_024;

/** The bytes that a server holds of bodies, so that many uploads at once cannot fill the memory. */
export class BodyBudget {
  #held = 0;

  /** @returns whether there is room for more */
  take(bytes: number): boolean {
    if (this.#held + bytes > ALL_BODIES_MAX_BYTES) return false;
    this.#held += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** Whether a head announces a body. */
export const announcesBody = (headers: ReadonlyMap<string, string>): boolean =>
  headers.has('transfer-encoding') || !/^0*$/.test(headers.get('content-length') ?? '');

/** The body of one request: nothing of it is awaited before somebody asks for it. */
export class Body {
  readonly #platform: Platform;
  readonly #request: IncomingMessage;
  readonly #budget: BodyBudget;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #broken: RametError | undefined;
  #isWhole = false;
  #reading: PromiseWithResolvers<Uint8Array> | undefined;
  #timer: Timer | undefined;

  constructor(platform: Platform, request: IncomingMessage, budget: BodyBudget) {
    this.#platform = platform;
    this.#request = request;
    this.#budget = budget;
  }

  /**
   * Reads the whole body.
   * @throws RametError PayloadTooLarge, RequestTimeout when it comes too slowly, Overloaded when too many are being read,
   *   MalformedRequest when its framing is broken, Cancelled when the client has gone
   */
  read(): Promise<Uint8Array> {
    const reading = Promise.withResolvers<Uint8Array>();
    this.#reading = reading;
    if (this.#broken) {
      reading.reject(this.#broken);
      return reading.promise;
    }
    const request = this.#request;
    request.on('data', (chunk: Buffer) => this.#add(chunk));
    request.once('end', () => this.#whole());
    request.once('close', () => this.#gone());
    this.#hurry(this.#platform.clock.monoNow(), PATIENCE_MS);
    return reading.promise;
  }

  /** Whatever is still to come of it is worth nothing. Who reads it is told why. */
  fail(error: RametError): void {
    this.#broken ??= error;
    this.#timer?.cancel();
    this.#reading?.reject(this.#broken);
  }

  /** Gives back what it holds. */
  release(): void {
    this.#gone();
    this.#budget.release(this.#bytes);
    this.#bytes = 0;
    this.#chunks = [];
  }

  #add(chunk: Buffer): void {
    if (this.#broken) return;
    if (this.#bytes + chunk.length > BODY_MAX_BYTES) this.fail(tooLarge());
    else if (this.#budget.take(chunk.length)) {
      this.#bytes += chunk.length;
      this.#chunks.push(chunk);
    } else this.fail(new RametError('Overloaded', 'Too many bodies are being received', { retryAfterMs: SECOND }));
  }

  /** Making an error costs more than reading a small body: one is made only where somebody waits for it. */
  #gone(): void {
    if (!this.#isWhole && !this.#broken) this.fail(new RametError('Cancelled'));
  }

  #whole(): void {
    this.#isWhole = true;
    this.#timer?.cancel();
    this.#reading?.resolve(this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks));
    this.#chunks = [];
  }

  #hurry(startedMono: number, afterMs: number): void {
    this.#timer = this.#platform.timers.set(afterMs, () => {
      const allowedMs = PATIENCE_MS + (this.#bytes / SLOWEST_BYTES_PER_SECOND) * SECOND;
      const leftMs = allowedMs - (this.#platform.clock.monoNow() - startedMono);
      if (leftMs <= 0) this.fail(new RametError('RequestTimeout', 'The body comes too slowly'));
      else this.#hurry(startedMono, leftMs);
    });
  }
}

/** A length that need not be awaited to be refused. */
export function declaresTooMuch(gated: GatedRequest | Refusal): Refusal | undefined {
  if (!gated.ok || Number(gated.headers.get('content-length') ?? 0) <= BODY_MAX_BYTES) return undefined;
  const { code, message, status } = tooLarge();
  return { ok: false, status, code, detail: message };
}

const tooLarge = (): RametError => new RametError('PayloadTooLarge', `The body is larger than ${BODY_MAX_BYTES} bytes`);
