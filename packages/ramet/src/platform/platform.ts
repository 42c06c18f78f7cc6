/**
 * The only access to time, chance and the outside world. A check enforces that framework code uses nothing else, so that a
 * different platform (such as the simulator's) decides what time it is and what happens next.
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
   * Returns the client of an external system that does not use HTTP, as `make` creates it. Another platform returns a double of
   * the system instead.
   * @param name as declared by `external(name, …)`
   */
  outside<T extends object>(name: string, make: () => T): T;
  /**
   * Marks a named place in the framework where a test may stop, delay or inspect the process. In production it returns
   * undefined at once; await the answer only if there is one, so that the hot path pays nothing.
   */
  point(site: string): Promise<void> | undefined;
}

/** The clocks of a process. */
export interface Clock {
  /** Milliseconds since 1970; may jump in both directions. */
  wallNow(): number;
  /** Milliseconds since an arbitrary moment; never goes backwards. */
  monoNow(): number;
}

/** One pending call of a timer. */
export interface Timer {
  /** Cancels the timer; harmless when it has fired. */
  cancel(): void;
}

/** Everything that waits for a time. */
export interface Timers {
  /** Calls `fire` once after `delayMs`. Delays may be longer than the 2^31-1 ms of `setTimeout`. */
  set(delayMs: number, fire: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Resolves in a later turn of the event loop, after pending I/O. */
  yield(): Promise<void>;
}

/** Sources of chance. */
export interface Random {
  /** Returns a number that is uniform in [0, 1). For jitter and samples, never for secrets. */
  next(): number;
  /** Returns unpredictable bytes, fit for keys and tokens. */
  bytes(count: number): Uint8Array;
}

/** Hashes, passwords and comparisons of secrets. */
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
   * @throws RangeError when the text is not such a key
   */
  signer(privateKey: string): Signer;
  /**
   * @param publicKey SubjectPublicKeyInfo as PEM, or a JWK as JSON text
   * @throws RangeError when the text is not such a key, or is a private one
   */
  verifier(publicKey: string): Verifier;
}

/** Signs with one private key. */
export interface Signer {
  /** The public half: 32 bytes as base64url, the `x` of a JWK. */
  readonly publicKey: string;
  sign(text: string): Uint8Array;
}

/** Verifies signatures of one key. */
export interface Verifier {
  /** 32 bytes as base64url, the `x` of a JWK. */
  readonly publicKey: string;
  verify(text: string, signature: Uint8Array): boolean;
}

/** A request of {@link HttpClient}. */
export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** A request, and the declared system that receives it. */
export interface OutgoingRequest extends HttpRequest {
  /** The system as `external(name, …)` declares it, and the path after its URL: a simulator finds its double by them. */
  readonly external?: { readonly name: string; readonly path: string };
}

/** Sends requests to other systems. */
export interface HttpClient {
  /** Sends one request over a pooled connection. Never follows a redirect, and never repeats a request. */
  fetch(url: string, request?: OutgoingRequest): Promise<Response>;
  close(): Promise<void>;
}

/** Measurements of this process. */
export interface ProcessFigures {
  residentMemoryBytes(): number;
  /** Measures how late the event loop ran, in seconds: the 99th percentile since the last call. */
  eventLoopLagSeconds(): number;
}

/** Reads files. */
export interface Files {
  /**
   * Reads one file as text. @returns undefined when the file does not exist
   * @param maxBytes the most that it may have
   * @throws RangeError when it is longer; the system's error when it cannot be read
   */
  readText(file: URL, maxBytes: number): string | undefined;
  /** Reads the text files of a folder whose names end in `suffix`, by name. Throws when the folder does not exist. */
  readFolder(folder: URL, suffix: string): readonly { readonly name: string; readonly text: string }[];
  /**
   * Reads all files of a folder and of the folders in it, by path (`assets/main.js`). Links are excluded, so that no file outside is
   * read, and so are names that begin with a dot.
   * @param maxBytes the most that all files may have together
   * @throws RangeError when they have more; the system's error when the folder does not exist
   */
  readTree(folder: URL, maxBytes: number): readonly { readonly path: string; readonly bytes: Uint8Array }[];
}
