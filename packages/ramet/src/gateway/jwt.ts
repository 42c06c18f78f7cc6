import { type CryptoKey, importJWK, type JWK, jwtVerify } from 'jose';
import { RametError } from '../errors/index.ts';
import { type Duration, durationMs, MINUTE, type Platform, SECOND } from '../platform/index.ts';
import type { Caller } from '../security/index.ts';
import { parseJsonBody } from './json-body.ts';

/** Where access tokens come from, and what they must say. */
export interface JwtOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The query that answers the key set, as `Users.queries.jwks`, or its HTTPS address. */
  readonly keys: { readonly kind: string; readonly service: string; readonly name: string } | string;
  /** The one algorithm that counts: never the token's own word (RFC 8725). Default EdDSA. */
  readonly algorithm?: 'EdDSA' | 'ES256' | 'PS256' | 'RS256';
  readonly type?: string;
  /** How far clocks may differ (default 60s). */
  readonly leeway?: Duration;
}

export interface Authenticator {
  /** The caller of a bearer token. @throws RametError InvalidToken, or Unavailable when no key can be had */
  verify(token: string): Promise<Caller>;
}

const TOKEN_MAX = 8_192;
const CACHE_MAX = 10_000;
const FRESH_MS = 10 * MINUTE;
const STALE_MS = 24 * 60 * MINUTE;
const UNKNOWN_KEY_COOLDOWN_MS = 30 * SECOND;
const FAILURE_BACKOFF_MS = [5, 15, 45, 135, 300].map((seconds) => seconds * SECOND);
const KID = /^[A-Za-z0-9._-]{1,128}$/;
const PART = /^[A-Za-z0-9_-]+$/;

/** Verifies tokens by the profile of RFC 8725: one issuer, one algorithm, keys by id, and every claim that counts required. */
export function createAuthenticator(platform: Platform, options: JwtOptions, fetchKeys: () => Promise<unknown>): Authenticator {
  const algorithm = options.algorithm ?? 'EdDSA';
  const leewayMs = durationMs(options.leeway ?? '60s');
  const keys = new KeySet(platform, algorithm, fetchKeys);
  const verified = new Map<string, { caller: Caller; expMs: number }>();

  const remember = (digest: string, caller: Caller, expMs: number) => {
    if (verified.size >= CACHE_MAX) verified.delete(verified.keys().next().value as string);
    verified.set(digest, { caller, expMs });
  };
  return {
    async verify(token) {
      const digest = platform.crypto.sha256(token);
      const known = verified.get(digest);
      if (known) {
        if (known.expMs > platform.clock.wallNow()) return known.caller;
        verified.delete(digest);
      }
      const { kid } = headerOf(token, algorithm, options.type ?? 'at+jwt');
      const key = await keys.get(kid);
      if (!key) throw invalid('it is signed with a key that its issuer does not have');
      let payload: Record<string, unknown>;
      try {
        const result = await jwtVerify(token, key, {
          algorithms: [algorithm],
          issuer: options.issuer,
          audience: options.audience,
          clockTolerance: leewayMs / SECOND,
          currentDate: new Date(platform.clock.wallNow()),
          requiredClaims: ['exp', 'sub', 'iss', 'aud'],
        });
        payload = result.payload;
      } catch (error) {
        throw invalid(reasonOf(error));
      }
      const { sub, exp, scope } = payload;
      if (typeof sub !== 'string' || sub === '' || typeof exp !== 'number' || !Number.isFinite(exp))
        throw invalid('it lacks a subject or an expiry');
      const caller: Caller = { kind: 'user', subject: sub, scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [] };
      remember(digest, caller, exp * SECOND + leewayMs);
      return caller;
    },
  };
}

const invalid = (why: string): RametError => new RametError('InvalidToken', `The access token is not valid: ${why}`);

function reasonOf(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'ERR_JWT_EXPIRED') return 'it has expired';
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return `its claim '${(error as { claim?: string }).claim}' is not the one expected`;
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return 'its signature does not fit';
  return 'it is malformed';
}

/** Reads a token's header strictly: three canonical parts, plain JSON objects, nothing in it that would tell us how to verify. */
function headerOf(token: string, algorithm: string, type: string): { kid: string } {
  const parts = token.length <= TOKEN_MAX ? token.split('.') : [];
  if (parts.length !== 3) throw invalid('it is malformed');
  const [header] = parts.map((part, i) => {
    if (!PART.test(part)) throw invalid('it is malformed');
    const bytes = Buffer.from(part, 'base64url');
    // Node's decoder skips what it does not understand; a canonical part is the one that comes out again.
    if (bytes.toString('base64url') !== part) throw invalid('it is malformed');
    if (i === 2) return {};
    const parsed = parseJsonBody(bytes.toString('utf8'));
    if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value))
      throw invalid('it is malformed');
    return parsed.value as Record<string, unknown>;
  }) as [Record<string, unknown>];
  if (header['alg'] !== algorithm) throw invalid('its algorithm is not the one agreed on');
  if (header['crit'] !== undefined || header['b64'] !== undefined) throw invalid('it asks for extensions that are not supported');
  if (typeof header['typ'] !== 'string' || header['typ'].toLowerCase() !== type) throw invalid(`it is no '${type}'`);
  const kid = header['kid'];
  if (typeof kid !== 'string' || !KID.test(kid)) throw invalid('it does not name its key');
  return { kid };
}

/**
 * The issuer's keys: fetched once for all who wait, kept while the issuer is away, and asked for again because of an unknown
 * key at most every 30 seconds, successful or not: a flood of bad tokens must not become a flood of fetches.
 */
class KeySet {
  readonly #platform: Platform;
  readonly #algorithm: string;
  readonly #request: () => Promise<unknown>;
  #keys = new Map<string, CryptoKey | Uint8Array>();
  #fetchedMono = Number.NEGATIVE_INFINITY;
  #nextMono = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #fetching: Promise<void> | undefined;

  constructor(platform: Platform, algorithm: string, request: () => Promise<unknown>) {
    this.#platform = platform;
    this.#algorithm = algorithm;
    this.#request = request;
  }

  async get(kid: string): Promise<CryptoKey | Uint8Array | undefined> {
    const now = this.#platform.clock.monoNow();
    const age = now - this.#fetchedMono;
    if (age > FRESH_MS || !this.#keys.has(kid)) {
      if (now >= this.#nextMono) await this.#refresh();
      else if (this.#fetching) await this.#fetching;
    }
    if (this.#keys.size === 0 || this.#platform.clock.monoNow() - this.#fetchedMono > STALE_MS) {
      throw new RametError('Unavailable', 'the keys of the token issuer cannot be had');
    }
    return this.#keys.get(kid);
  }

  #refresh(): Promise<void> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #load(): Promise<void> {
    const { clock } = this.#platform;
    try {
      const set = (await this.#request()) as { keys?: readonly JWK[] };
      const keys = new Map<string, CryptoKey | Uint8Array>();
      for (const jwk of (set.keys ?? []).slice(0, 100)) {
        if (
          !jwk.kid ||
          !KID.test(jwk.kid) ||
          (jwk.use !== undefined && jwk.use !== 'sig') ||
          (jwk.alg !== undefined && jwk.alg !== this.#algorithm)
        )
          continue;
        keys.set(jwk.kid, await importJWK(jwk, this.#algorithm));
      }
      this.#keys = keys;
      this.#fetchedMono = clock.monoNow();
      this.#failures = 0;
      this.#nextMono = clock.monoNow() + UNKNOWN_KEY_COOLDOWN_MS;
    } catch {
      const waitMs = FAILURE_BACKOFF_MS[Math.min(this.#failures, FAILURE_BACKOFF_MS.length - 1)] as number;
      this.#failures++;
      this.#nextMono = clock.monoNow() + waitMs;
    }
  }
}
