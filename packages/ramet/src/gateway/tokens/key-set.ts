import { RametError } from '../../errors/index.ts';
import { MINUTE, type Platform, SECOND } from '../../platform/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import { type Algorithm, readTokenKeys, type TokenKey } from './signing-keys.ts';

/** Keys older than this are looked for again, beside the requests that use them. */
export const RENEW_MS = 5 * MINUTE;
/** A withdrawn key works for no longer than this while its issuer answers: requests wait a moment for keys that are older. */
export const FRESH_MS = 10 * MINUTE;
/** How long such a request waits, counted from the start of the look. Only the first look after a success is waited for. */
export const FRESH_WAIT_MS = 500;
/** Keys older than this are not used, however long their issuer is unavailable. */
export const STALE_MS = 24 * 60 * MINUTE;
/** A look is given up after this. */
export const LOOK_MS = 3 * SECOND;
/** So many requests wait for one look; further ones are refused at once. */
export const WAITING_MAX = 1_000;
const SUCCESS_COOLDOWN_MS = 30 * SECOND;
const FAILURE_COOLDOWN_MS = [5, 15, 45, 135, 300].map((seconds) => seconds * SECOND);

/** Asks an issuer for its key set. Gives up when `signal` aborts. */
export type KeySource = (signal: AbortSignal) => Promise<unknown>;

/**
 * The keys of one issuer. One look serves all who wait for it. A request whose key is known never depends on the issuer: the look
 * runs beside it, and a failed one leaves the keys as they are for 24 hours. A look that an unknown key causes follows the one
 * before after 30 seconds at the earliest, and after 5 seconds to 5 minutes when that one failed: a flood of bad tokens must not
 * become a flood of looks.
 */
export class KeySet {
  readonly #platform: Platform;
  readonly #log: EventLog;
  readonly #algorithm: Algorithm;
  readonly #source: KeySource;
  #keys: ReadonlyMap<string, TokenKey> = new Map();
  #ignored = '';
  #takenMono = Number.NEGATIVE_INFINITY;
  #lookedMono = Number.NEGATIVE_INFINITY;
  #nextMono = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #look: Promise<void> | undefined;
  #waiting = 0;

  constructor(platform: Platform, log: EventLog, algorithm: Algorithm, source: KeySource) {
    this.#platform = platform;
    this.#log = log;
    this.#algorithm = algorithm;
    this.#source = source;
  }

  /**
   * The key of an id, at once where it is known.
   * @returns undefined when the issuer does not have such a key
   * @throws (or rejects with) RametError Unavailable when the issuer cannot be asked and nothing is known of the key
   */
  get(kid: string): TokenKey | undefined | Promise<TokenKey | undefined> {
    const nowMono = this.#platform.clock.monoNow();
    const known = this.#known(kid, nowMono);
    const ageMs = nowMono - this.#takenMono;
    if (known && ageMs <= RENEW_MS) return known;
    const look = this.#looking(nowMono);
    if (!known) return look ? this.#found(look, kid) : this.#notFound();
    const waitMs = FRESH_WAIT_MS - (nowMono - this.#lookedMono);
    if (!look || ageMs <= FRESH_MS || this.#failures > 0 || waitMs <= 0 || this.#waiting >= WAITING_MAX) return known;
    return this.#foundIn(look, kid, waitMs);
  }

  #known(kid: string, nowMono: number): TokenKey | undefined {
    return nowMono - this.#takenMono <= STALE_MS ? this.#keys.get(kid) : undefined;
  }

  /** The look that is under way, or a new one where one is due. */
  #looking(nowMono: number): Promise<void> | undefined {
    if (this.#look || nowMono < this.#nextMono) return this.#look;
    this.#lookedMono = nowMono;
    this.#look = this.#lookOnce().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #found(look: Promise<void>, kid: string): Promise<TokenKey | undefined> {
    if (this.#waiting >= WAITING_MAX)
      throw new RametError('Unavailable', 'too many requests wait for the keys of the token issuer', { retryAfterMs: SECOND });
    await this.#counted(look);
    return this.#known(kid, this.#platform.clock.monoNow()) ?? this.#notFound();
  }

  /** Waits for a look, but `waitMs` at most. */
  async #foundIn(look: Promise<void>, kid: string, waitMs: number): Promise<TokenKey | undefined> {
    let stop = () => {};
    const waited = new Promise<void>((resolve) => {
      const timer = this.#platform.timers.set(waitMs, resolve);
      stop = () => timer.cancel();
    });
    await this.#counted(Promise.race([look, waited]));
    stop();
    return this.#known(kid, this.#platform.clock.monoNow());
  }

  async #counted(waited: Promise<void>): Promise<void> {
    this.#waiting++;
    await waited;
    this.#waiting--;
  }

  /** An issuer that has just answered does not have the key. One that did not answer may have it. */
  #notFound(): undefined {
    const nowMono = this.#platform.clock.monoNow();
    if (this.#failures === 0 && nowMono - this.#takenMono <= STALE_MS) return undefined;
    throw new RametError('Unavailable', 'the keys of the token issuer are unavailable', {
      retryAfterMs: Math.max(SECOND, this.#nextMono - nowMono),
    });
  }

  /** Never rejects. */
  async #lookOnce(): Promise<void> {
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

  /** Says once of a set which of its keys are ignored. */
  #report(ignored: readonly string[]): void {
    const text = ignored.join('; ');
    if (text !== this.#ignored && text !== '') this.#log.event('issuer_keys_ignored', { ignored: ignored.slice(0, 10) });
    this.#ignored = text;
  }

  async #asked(): Promise<unknown> {
    const abort = new AbortController();
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      const timer = this.#platform.timers.set(LOOK_MS, () => {
        const error = new RametError('DeadlineExceeded', `the token issuer did not answer in ${LOOK_MS / SECOND} s`);
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
