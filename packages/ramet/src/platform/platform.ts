/**
 * The one door to time, chance and the outside. Framework code reaches none of these otherwise, and a check enforces it:
 * whoever hands in another platform (the simulator does) decides what time it is and what happens next.
 *
 * Terms. *Wall time* is what a calendar shows and may jump; it is for people and for expiry dates. *Monotonic time* never
 * jumps and is for every duration.
 */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly signatures: Signatures;
  readonly http: HttpClient;
  readonly files: Files;
  readonly process: ProcessFigures;
  /**
   * The client of a system that is not ours and speaks no HTTP, as `make` makes it. Whoever hands in another platform gives
   * a double of the system instead.
   * @param name as declared by `external(name, …)`
   */
  outside<T extends object>(name: string, make: () => T): T;
  /**
   * A named place in the framework where a process may be stopped, delayed or looked at. In production it returns
   * undefined at once; await the answer only where there is one, so that the hot path pays nothing.
   */
  point(site: string): Promise<void> | undefined;
}

export interface Clock {
  /** Milliseconds since 1970; may jump in both directions. */
  wallNow(): number;
  /** Milliseconds since an arbitrary moment; never goes backwards. */
  monoNow(): number;
}

export interface Timer {
  /** Forgets the timer; harmless when it has fired. */
  cancel(): void;
}

export interface Timers {
  /** Calls `fire` once after `delayMs`. Delays of any length are kept, also those beyond the 2^31-1 ms of `setTimeout`. */
  set(delayMs: number, fire: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Resolves in a later turn of the event loop, when I/O has had its chance. */
  yield(): Promise<void>;
}

export interface Random {
  /** Uniform in [0, 1). For jitter and samples, never for secrets. */
  next(): number;
  /** Unpredictable bytes, good for keys and tokens. */
  bytes(count: number): Uint8Array;
}

export interface Crypto {
  /** SHA-256 of UTF-8 text, as lower-case hex. */
  readonly sha256: (text: string) => string;
  /** Slow, salted hash of a password (scrypt), as one self-describing string. */
  readonly hashPassword: (password: string) => Promise<string>;
  /** Whether `password` is the one `hash` was made from; takes the same time when it is not. */
  readonly verifyPassword: (password: string, hash: string) => Promise<boolean>;
  /** Compares two secrets in a time that does not depend on where they differ. */
  readonly equal: (a: string, b: string) => boolean;
}

/** Ed25519 signatures (RFC 8032): 64 bytes, the same for the same text and key. */
export interface Signatures {
  /**
   * @param privateKey PKCS #8 as PEM, or a JWK as JSON text
   * @throws RangeError when the text is no such key
   */
  signer(privateKey: string): Signer;
  /**
   * @param publicKey SubjectPublicKeyInfo as PEM, or a JWK as JSON text
   * @throws RangeError when the text is no such key, or a private one
   */
  verifier(publicKey: string): Verifier;
}

export interface Signer {
  /** The other half: 32 bytes as base64url, the `x` of a JWK. */
  readonly publicKey: string;
  sign(text: string): Uint8Array;
}

export interface Verifier {
  /** 32 bytes as base64url, the `x` of a JWK. */
  readonly publicKey: string;
  verify(text: string, signature: Uint8Array): boolean;
}

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** A request, and which declared system it goes to. */
export interface OutgoingRequest extends HttpRequest {
  /** The system as `external(name, …)` declares it, and the path from its URL on: a simulator finds its double by them. */
  readonly external?: { readonly name: string; readonly path: string };
}

export interface HttpClient {
  /** Sends one request over a pooled connection. Never follows a redirect and never repeats a request by itself. */
  fetch(url: string, request?: OutgoingRequest): Promise<Response>;
  close(): Promise<void>;
}

export interface ProcessFigures {
  residentMemoryBytes(): number;
  /** How late the event loop ran, in seconds: the 99th percentile since this was asked last. */
  eventLoopLagSeconds(): number;
}

export interface Files {
  /**
   * The text of one file; undefined when there is no such file.
   * @param maxBytes it may have at most
   * @throws RangeError when it is longer; what the system says when it cannot be read
   */
  readText(file: URL, maxBytes: number): string | undefined;
  /** The text files of a folder whose names end in `suffix`, by name. Empty when there are none; throws when there is no folder. */
  readFolder(folder: URL, suffix: string): readonly { readonly name: string; readonly text: string }[];
  /**
   * All files of a folder and of the folders in it, by path (`assets/main.js`). Links are left out, so that nothing is read from
   * elsewhere, and so is what begins with a dot.
   * @param maxBytes of all files together
   * @throws RangeError when they are more; what the system says when there is no folder
   */
  readTree(folder: URL, maxBytes: number): readonly { readonly path: string; readonly bytes: Uint8Array }[];
}
