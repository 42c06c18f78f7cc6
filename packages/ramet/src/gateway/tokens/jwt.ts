import { jwtVerify } from 'jose';
import { RametError } from '../../errors/index.ts';
import { type Duration, durationMs, type Platform, SECOND, Settings } from '../../platform/index.ts';
import type { Caller } from '../../security/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import { parseJsonBody } from '../request/json-body.ts';
import { KeySet, type KeySource } from './key-set.ts';
import { type KeyPlace, keyPlaceProblem } from './key-source.ts';
import { ALGORITHMS, type Algorithm, KID, type TokenKey } from './signing-keys.ts';

/** The issuer of access tokens, and what the tokens must say. */
export interface JwtOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The query that answers with the key set, as `Users.queries.jwks`, or the HTTPS address of the key set. */
  readonly keys: KeyPlace;
  /** The only algorithm that is accepted, whatever a token claims (RFC 8725). Default EdDSA. */
  readonly algorithm?: Algorithm;
  /**
   * The type that tokens must have in their header `typ`, in any case and with or without the prefix `application/` (default
   * `at+jwt`, RFC 9068). `JWT` accepts both `JWT` and a missing `typ`.
   */
  readonly type?: string;
  /** How much the clocks of issuer and gateway may differ (default 60s). */
  readonly leeway?: Duration;
}

/** Verifies tokens. */
export interface Authenticator {
  /** Finds the caller of a bearer token. @throws RametError InvalidToken, or Unavailable when the keys of the issuer cannot be read */
  verify(token: string): Promise<Caller>;
}

const TOKEN_MAX = 8_192;
const CACHE_MAX = 10_000;
const PART = /^[A-Za-z0-9_-]+$/;
/** A media type without parameters. */
const TYPE = /^(?:application\/)?[A-Za-z0-9!#$&^_.+-]{1,127}$/i;

/** Says what is wrong with the options, each problem in a sentence. */
export function jwtProblems({ issuer, audience, keys, algorithm = 'EdDSA', type = 'at+jwt', leeway = '60s' }: JwtOptions): string[] {
  const keyProblem = keyPlaceProblem(keys);
  const problems: string[] = keyProblem === undefined ? [] : [keyProblem];
  if (!issuer) problems.push("'issuer' is empty; write the issuer as the claim 'iss' of the tokens names it");
  if (!audience) problems.push("'audience' is empty; write the audience as the claim 'aud' of the tokens names it");
  if (!ALGORITHMS.includes(algorithm)) problems.push(`the algorithm '${algorithm}' is not accepted; write one of ${ALGORITHMS.join(', ')}`);
  if (!TYPE.test(type)) problems.push(`the type '${type}' is not a media type; write it as 'at+jwt' or 'JWT'`);
  const settings = new Settings();
  settings.duration('leeway', leeway, 0, { most: '5m' });
  return [...problems, ...settings.problems].map((problem) => `authenticate: ${problem}`);
}

/** Makes a verifier of tokens by the profile of RFC 8725: one issuer, one algorithm, keys by id, and all relevant claims required. */
export function createAuthenticator(platform: Platform, log: EventLog, options: JwtOptions, source: KeySource): Authenticator {
  const { clock, crypto } = platform;
  const algorithm = options.algorithm ?? 'EdDSA';
  const type = mediaType(options.type ?? 'at+jwt');
  const leewayMs = durationMs(options.leeway ?? '60s');
  const keys = new KeySet(platform, log, algorithm, source);
  /** By the digest of the token. An entry counts only while the issuer still has the key that verified it. */
  const verified = new Map<string, VerifiedToken>();

  const remember = (digest: string, entry: VerifiedToken) => {
    if (verified.size >= CACHE_MAX) verified.delete(verified.keys().next().value as string);
    verified.set(digest, entry);
  };
  return {
    async verify(token) {
      const digest = crypto.sha256(token);
      const entry = verified.get(digest);
      const kid = entry?.key.kid ?? kidOf(token, algorithm, type);
      const found = keys.get(kid);
      const key = found instanceof Promise ? await found : found;
      if (entry && entry.key === key && entry.expMs > clock.wallNow()) return entry.caller;
      verified.delete(digest);
      if (!key) throw invalid('its issuer does not have the key that signed it');
      const { sub, exp, scope } = await claimsOf(token, key, { ...options, algorithm, leewayMs, nowMs: clock.wallNow() });
      // One object serves many requests: a change by one handler would be seen by the others.
      const caller: Caller = Object.freeze({
        kind: 'user',
        subject: sub,
        issuer: options.issuer,
        scopes: Object.freeze(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []),
      });
      remember(digest, { caller, key, expMs: exp * SECOND + leewayMs });
      return caller;
    },
  };
}

interface VerifiedToken {
  readonly caller: Caller;
  readonly key: TokenKey;
  readonly expMs: number;
}

interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithm: Algorithm;
  readonly leewayMs: number;
  readonly nowMs: number;
}

async function claimsOf(token: string, { key }: TokenKey, expected: Expected): Promise<{ sub: string; exp: number; scope: unknown }> {
  const { issuer, audience, algorithm, leewayMs, nowMs } = expected;
  const { payload } = await jwtVerify(token, key, {
    algorithms: [algorithm],
    issuer,
    audience,
    clockTolerance: leewayMs / SECOND,
    currentDate: new Date(nowMs),
    requiredClaims: ['exp', 'sub', 'iss', 'aud'],
  }).catch((error: unknown) => {
    throw invalid(reasonOf(error));
  });
  const { sub, exp, iat, scope } = payload;
  if (typeof sub !== 'string' || sub === '' || typeof exp !== 'number' || !Number.isFinite(exp))
    throw invalid('it lacks a subject or an expiry');
  if (iat !== undefined && !(typeof iat === 'number' && iat * SECOND <= nowMs + leewayMs))
    throw invalid("its claim 'iat' is not in the past");
  return { sub, exp, scope };
}

const invalid = (why: string): RametError => new RametError('InvalidToken', `The access token is not valid: ${why}`);

function reasonOf(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'ERR_JWT_EXPIRED') return 'it has expired';
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return `its claim '${(error as { claim?: string }).claim}' is not the one expected`;
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return 'its signature is wrong';
  return 'it is malformed';
}

/** Normalises a media type by RFC 7515, 4.1.9: the prefix `application/` is optional, and case does not matter. */
const mediaType = (text: string): string => text.toLowerCase().replace(/^application\//, '');

/**
 * Reads the header of a token strictly: three canonical parts, plain JSON objects, and nothing that could choose how it is verified.
 * @returns the id of the key that signed it
 */
function kidOf(token: string, algorithm: string, type: string): string {
  const parts = token.length <= TOKEN_MAX ? token.split('.') : [];
  if (parts.length !== 3) throw invalid('it is malformed');
  const [header] = parts.map((part, i) => {
    if (!PART.test(part)) throw invalid('it is malformed');
    const bytes = Buffer.from(part, 'base64url');
    // Node's decoder skips invalid characters. A part is canonical if encoding it again gives the same text.
    if (bytes.toString('base64url') !== part) throw invalid('it is malformed');
    if (i === 2) return {};
    const parsed = parseJsonBody(bytes.toString('utf8'));
    if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value))
      throw invalid('it is malformed');
    return parsed.value as Record<string, unknown>;
  }) as [Record<string, unknown>];
  const { alg, typ = type === 'jwt' ? 'JWT' : undefined, kid } = header;
  if (alg !== algorithm) throw invalid('its algorithm is not the configured one');
  if (header['crit'] !== undefined || header['b64'] !== undefined) throw invalid('it requires extensions that are not supported');
  if (typeof typ !== 'string' || mediaType(typ) !== type) throw invalid(`its type is not '${type}'`);
  if (typeof kid !== 'string' || !KID.test(kid)) throw invalid('it does not name its key');
  return kid;
}
