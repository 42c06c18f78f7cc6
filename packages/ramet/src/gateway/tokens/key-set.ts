import { RametError } from '../../errors/index.ts';
import { MINUTE, type Platform, SECOND } from '../../platform/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import { type Algorithm, readTokenKeys, type TokenKey } from './signing-keys.ts';

/** Keys older than this are fetched again, in parallel to the requests that use them. */
export const RENEW_MS = 5 * MINUTE;
/** A withdrawn key works for this long at most while its issuer answers: requests wait a moment when the keys are older. */
export const FRESH_MS = 10 * MINUTE;
/** How long such a request waits, from the start of the fetch. Requests wait only for the first fetch after a success. */
export const FRESH_WAIT_MS = 500;
/** Keys older than this are not used, however long their issuer is unavailable. */
export const STALE_MS = 24 * 60 * MINUTE;
/** A fetch fails after this time. */
export const FETCH_MS = 3 * SECOND;
/** How many requests may wait for one fetch; further ones are refused at once. */
export const WAITING_MAX = 1_000;
const SUCCESS_COOLDOWN_MS = 30 * SECOND;
const FAILURE_COOLDOWN_MS = [5, 15, 45, 135, 300].map((seconds) => seconds * SECOND);

/** Fetches the key set of an issuer. Stops when `signal` aborts. */
export type KeySource = (signal: AbortSignal) => Promise<unknown>;

/**
 * The keys of one issuer. One fetch serves all requests that wait for it. A request whose key is known never depends on the issuer:
 * the fetch runs in parallel, and after a failed fetch the keys stay valid for 24 hours. A fetch for an unknown key starts 30 seconds
 * after the previous fetch at the earliest, and 5 seconds to 5 minutes after a failed one: a flood of bad tokens must not become a
 * flood of fetches.
 */
export class KeySet {
  readonly #platform: Platform;
  readonly #log: EventLog;
  readonly #algorithm: Algorithm;
  readonly #source: KeySource;
  #keys: ReadonlyMap<string, TokenKey> = new Map();
  #ignored = '';
  #takenMono = Number.NEGATIVE_INFINITY;
  #fetchedMono = Number.NEGATIVE_INFINITY;
  #nextMono = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #fetched: Promise<void> | undefined;
  #waiting = 0;

  constructor(platform: Platform, log: EventLog, algorithm: Algorithm, source: KeySource) {
    this.#platform = platform;
    this.#log = log;
    this.#algorithm = algorithm;
    this.#source = source;
  }

  /**
   * Finds a key by its id, without a promise where the key is known.
   * @returns undefined when the issuer does not have the key
   * @throws (or rejects with) RametError Unavailable when the issuer cannot be reached and the key is not known
   */
  get(kid: string): TokenKey | undefined | Promise<TokenKey | undefined> {
    const nowMono = this.#platform.clock.monoNow();
    const known = this.#known(kid, nowMono);
    const ageMs = nowMono - this.#takenMono;
    if (known && ageMs <= RENEW_MS) return known;
    const fetched = this.#fetching(nowMono);
    if (!known) return fetched ? this.#found(fetched, kid) : this.#notFound();
    const waitMs = FRESH_WAIT_MS - (nowMono - this.#fetchedMono);
    if (!fetched || ageMs <= FRESH_MS || this.#failures > 0 || waitMs <= 0 || this.#waiting >= WAITING_MAX) return known;
    return this.#foundIn(fetched, kid, waitMs);
  }

  #known(kid: string, nowMono: number): TokenKey | undefined {
    return nowMono - this.#takenMono <= STALE_MS ? this.#keys.get(kid) : undefined;
  }

  /** Finds the fetch that is under way, or starts one where one is due. */
  #fetching(nowMono: number): Promise<void> | undefined {
    if (this.#fetched || nowMono < this.#nextMono) return this.#fetched;
    this.#fetchedMono = nowMono;
    this.#fetched = this.#fetchOnce().finally(() => {
      this.#fetched = undefined;
    });
    return this.#fetched;
  }

  async #found(fetched: Promise<void>, kid: string): Promise<TokenKey | undefined> {
    if (this.#waiting >= WAITING_MAX)
      throw new RametError('Unavailable', 'Too many requests wait for the keys of the token issuer', { retryAfterMs: SECOND });
    await this.#counted(fetched);
    return this.#known(kid, this.#platform.clock.monoNow()) ?? this.#notFound();
  }

  /** Waits for a fetch, but `waitMs` at most. */
  async #foundIn(fetched: Promise<void>, kid: string, waitMs: number): Promise<TokenKey | undefined> {
    let stop = () => {};
    const waited = new Promise<void>((resolve) => {
      const timer = this.#platform.timers.set(waitMs, resolve);
      stop = () => timer.cancel();
    });
    await this.#counted(Promise.race([fetched, waited]));
    stop();
    return this.#known(kid, this.#platform.clock.monoNow());
  }

  async #counted(waited: Promise<void>): Promise<void> {
    this.#waiting++;
    await waited;
    this.#waiting--;
  }

  /** If the issuer has just answered, it does not have the key. If it did not answer, it may have it. */
  #notFound(): undefined {
    const nowMono = this.#platform.clock.monoNow();
    if (this.#failures === 0 && nowMono - this.#takenMono <= STALE_MS) return undefined;
    throw new RametError('Unavailable', 'The keys of the token issuer are unavailable', {
      retryAfterMs: Math.max(SECOND, this.#nextMono - nowMono),
    });
  }

  /** Never rejects. */
  async #fetchOnce(): Promise<void> {
    try {
      const { keys, ignored } = await readTokenKeys(await this.#asked(), this.#algorithm, this.#keys);
      this.#keys = keys;
      this.#takenMono = this.#platform.clock.monoNow();
      this.#nextMono = this.#takenMono + SUCCESS_COOLDOWN_MS;
      this.#failures = 0;
      this.#report(ignored);
    } catch (error) {
      const waitMs = FAILURE_COOLDOWN_MS[Math.min(this.#failures, FAILURE_COOLDOWN_MS.length - 1)] as number;
      this.#failures++;
      this.#nextMono = this.#platform.clock.monoNow() + waitMs;
      this.#log.event('issuer_keys_unavailable', { err: error, failures: this.#failures, kept: this.#keys.size });
    }
  }

  /** Reports the ignored keys of a set once. */
  #report(ignored: readonly string[]): void {
    const text = ignored.join('; ');
    if (text !== this.#ignored && text !== '') this.#log.event('issuer_keys_ignored', { ignored: ignored.slice(0, 10) });
    this.#ignored = text;
  }

  async #asked(): Promise<unknown> {
    const abort = new AbortController();
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      const timer = this.#platform.timers.set(FETCH_MS, () => {
        const error = new RametError('DeadlineExceeded', `The token issuer did not answer within ${FETCH_MS / SECOND} s`);
        reject(error);
        abort.abort(error);
      });
      stop = () => timer.cancel();
    });
    try {
      return await Promise.race([this.#source(abort.signal), late]);
    } finally {
      stop();
    }
  }
}
