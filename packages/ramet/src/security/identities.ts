import { BootError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, type Platform, SECOND } from '../platform/index.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Caller } from './caller.ts';
import { type Claims, readClaims } from './claims.ts';
import { type KnownKeys, OwnKey, readPublicKeys } from './key-ring.ts';
import type { Secret } from './secret.ts';

export interface IdentityOptions {
  /** The process that signs. */
  readonly process: string;
  /** Its Ed25519 key: PKCS #8 as PEM, or a JWK. A secret that is replaced while the process runs is taken over. */
  readonly privateKey: string | Secret;
  /** The public keys of every process, as PEM or JWK; several where one is being replaced. */
  readonly publicKeys: Readonly<Record<string, readonly string[]>>;
  /** The services and gateways that each process hosts, and so may speak for. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  /** The services that each service or gateway declares to use: nobody else is let in. */
  readonly graph: Readonly<Record<string, readonly string[]>>;
  /** How long a token is good, in whole seconds (default and at most 60s). It is signed anew after half of it. */
  readonly lifetime?: Duration;
  /** How far clocks of two machines may differ (default and at most 5s). */
  readonly leeway?: Duration;
  /** Told when a key that was replaced cannot be used. */
  readonly onError?: (error: unknown, where: object) => void;
  /** Told of tokens that were refused, at most once a second: an attack, or a process that was given the wrong keys. */
  readonly onRefused?: (error: unknown, where: { readonly service: string; readonly refused: number }) => void;
}

/** Who calls, and for whom, as one token says. */
export interface VerifiedIdentity {
  readonly caller: Caller;
  /** The service or gateway that calls. */
  readonly from: string;
}

/** Signs who calls, and verifies what others have signed. */
export interface SignedIdentities {
  /**
   * @param from the service or gateway of this process that calls, @param to the service that is called
   * @throws RametError Unauthenticated when this process does not host `from`, or the caller is too large to be told
   */
  sign(caller: Caller, from: string, to: string): string;
  /**
   * @param to the service that was called
   * @throws RametError Unauthenticated when the token is forged, too old, from somebody else than it says, or meant for somebody
   * else; Forbidden when who calls does not declare that it uses `to`
   */
  verify(token: string, to: string): VerifiedIdentity;
}

const LIFETIME_MAX_MS = 60 * SECOND;
const LEEWAY_MAX_MS = 5 * SECOND;
/** A user's token has at most 8 kB, which become 16 as claims and 22 as base64url in the worst case. */
const TOKEN_MAX = 24 * 1024;
const SIGNATURE_LENGTH = 86;
const PART = /^[A-Za-z0-9_-]+$/;
/** Who sends bad tokens by the thousand must not fill the log too. */
const REFUSALS_TOLD_MS = SECOND;
/** In characters: some ten thousand callers with tokens of common size. */
const CACHE_WEIGHT = 8_000_000;
/** Wall and monotonic clock run apart by less than this while a token is good, unless somebody sets the clock. */
const CLOCK_SET_MS = SECOND;

interface Signed {
  readonly token: string;
  readonly renewMono: number;
  /** Wall time less monotonic time when it was signed. */
  readonly offsetMs: number;
}

interface Verified {
  readonly to: string;
  readonly identity: VerifiedIdentity;
  readonly untilMs: number;
  /** The same end on the clock that nobody sets. */
  readonly untilMono: number;
}

/**
 * Makes the identities of one process: a token for each pair of services and each caller, a JWS signed with Ed25519 (RFC 7515,
 * RFC 8037) by the profile of RFC 8725. Tokens are signed once and used for half their life, and verified once by who is
 * called; in between both are a look into a map. Whoever sees a token can use it for a minute and for one service only, which
 * is why connections that leave the machine are encrypted all the same.
 * @throws BootError with every problem of the keys
 */
export function createIdentities(platform: Platform, options: IdentityOptions): SignedIdentities {
  const { clock } = platform;
  const problems: string[] = [];
  const lifetimeMs = atMost('lifetime', options.lifetime ?? '60s', LIFETIME_MAX_MS, problems);
  if (lifetimeMs < SECOND || lifetimeMs % SECOND !== 0) problems.push(`identities: 'lifetime' is to be whole seconds, from 1s`);
  const leewayMs = atMost('leeway', options.leeway ?? '5s', LEEWAY_MAX_MS, problems);
  const known = readPublicKeys(platform, options.publicKeys, problems);
  const hosts = setsOf(options.hosts);
  const graph = setsOf(options.graph);
  for (const process of hosts.keys())
    if (!(process in options.publicKeys))
      problems.push(`process '${process}' has no public key, so nobody would believe it; add it to 'publicKeys'`);
  if (!hosts.has(options.process))
    problems.push(`process '${options.process}' hosts nothing, so it can speak for nobody; add it to 'hosts'`);
  const own = ownKey(platform, options, known, problems);
  if (!own || problems.length > 0) throw new BootError(problems);

  const signed = new BoundedCache<Signed>(CACHE_WEIGHT, (key, { token }) => key.length + token.length);
  const verified = new BoundedCache<Verified>(CACHE_WEIGHT, (token) => token.length);
  const refusals = new Refusals(platform, options.onRefused ?? (() => {}));
  const hostedHere = hosts.get(options.process) as ReadonlySet<string>;

  function signNew(key: string, caller: Caller, from: string, to: string): string {
    if (!hostedHere.has(from)) throw unauthenticated(`process '${options.process}' does not host '${from}' and cannot speak for it`);
    const nowMs = clock.wallNow();
    const nowMono = clock.monoNow();
    const iat = Math.floor(nowMs / SECOND);
    const claims: Claims = {
      iss: options.process,
      sub: from,
      aud: to,
      iat,
      exp: iat + lifetimeMs / SECOND,
      caller: saidOf(caller),
    };
    const token = own?.sign(JSON.stringify(claims)) as string;
    if (token.length > TOKEN_MAX)
      throw unauthenticated(`its caller takes ${token.length} characters, more than ${TOKEN_MAX}; give him fewer scopes`);
    signed.set(key, { token, renewMono: nowMono + lifetimeMs / 2, offsetMs: nowMs - nowMono });
    return token;
  }

  function verifyNew(token: string, to: string): VerifiedIdentity {
    const { claims, process } = openToken(token, known);
    if (claims.iss !== process) throw unauthenticated(`it was signed by process '${process}' in the name of process '${claims.iss}'`);
    const { sub: from, caller } = claims;
    if (!hosts.get(process)?.has(from)) throw unauthenticated(`process '${process}' does not host '${from}' and cannot speak for it`);
    if (claims.aud !== to) throw unauthenticated(`it is meant for '${claims.aud}' and was given to '${to}'`);
    const nowMs = clock.wallNow();
    const untilMs = claims.exp * SECOND + leewayMs;
    if (untilMs <= nowMs)
      throw unauthenticated(`it expired ${seconds(nowMs - claims.exp * SECOND)} ago; look at the clocks of both machines`);
    if (claims.iat * SECOND > nowMs + leewayMs)
      throw unauthenticated(`it was signed ${seconds(claims.iat * SECOND - nowMs)} from now; look at the clocks of both machines`);
    if ((claims.exp - claims.iat) * SECOND > LIFETIME_MAX_MS) throw unauthenticated('it is good for more than 60 s');
    if (!graph.get(from)?.has(to)) {
      throw new RametError(
        'Forbidden',
        `'${from}' does not declare that it uses '${to}': add it to 'uses' of '${from}', and give the new graph to the process of '${to}' first`,
      );
    }
    const identity: VerifiedIdentity = Object.freeze({ caller, from });
    // A copy: the text that came in may be a slice of a whole frame, which would be kept with it.
    const copy = Buffer.from(token, 'latin1').toString('latin1');
    verified.set(copy, { to, identity, untilMs, untilMono: clock.monoNow() + untilMs - nowMs });
    return identity;
  }

  return {
    sign(caller, from, to) {
      const key = cacheKey(caller, from, to);
      const ready = signed.get(key);
      if (ready !== undefined) {
        const nowMono = clock.monoNow();
        if (nowMono < ready.renewMono && Math.abs(clock.wallNow() - nowMono - ready.offsetMs) < CLOCK_SET_MS) return ready.token;
      }
      return signNew(key, caller, from, to);
    },
    verify(token, to) {
      const ready = verified.get(token);
      if (ready !== undefined && ready.to === to) {
        if (clock.monoNow() < ready.untilMono && clock.wallNow() < ready.untilMs) return ready.identity;
      }
      try {
        // By the calendar it may be good again, if that was set back; its time is over all the same.
        if (ready !== undefined && clock.monoNow() >= ready.untilMono) throw unauthenticated('it expired');
        return verifyNew(token, to);
      } catch (error) {
        refusals.tell(error, to);
        throw error;
      }
    },
  };
}

/** Tells of refusals, and how many there were since the last time. */
class Refusals {
  readonly #platform: Platform;
  readonly #told: NonNullable<IdentityOptions['onRefused']>;
  #since = 0;
  #nextMono = Number.NEGATIVE_INFINITY;

  constructor(platform: Platform, told: NonNullable<IdentityOptions['onRefused']>) {
    this.#platform = platform;
    this.#told = told;
  }

  tell(error: unknown, service: string): void {
    this.#since++;
    const nowMono = this.#platform.clock.monoNow();
    if (nowMono < this.#nextMono) return;
    this.#nextMono = nowMono + REFUSALS_TOLD_MS;
    this.#told(error, { service, refused: this.#since });
    this.#since = 0;
  }
}

function ownKey(
  platform: Platform,
  { process, privateKey, onError }: IdentityOptions,
  known: KnownKeys,
  problems: string[],
): OwnKey | undefined {
  try {
    return new OwnKey(platform, process, privateKey, known, onError ?? (() => {}));
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}

/** Reads a token as strictly as it was written: three canonical parts, a header that we know, a signature that fits. */
function openToken(token: string, known: KnownKeys): { claims: Claims; process: string } {
  const parts = typeof token === 'string' && token.length <= TOKEN_MAX ? token.split('.', 4) : [];
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined)
    throw unauthenticated('it is malformed');
  const key = known.get(header);
  if (!key) throw unauthenticated(`it is not signed by EdDSA with the key of a process that this one knows${keyIdIn(header)}`);
  const signatureBytes = signature.length === SIGNATURE_LENGTH ? canonical(signature) : undefined;
  const payloadBytes = canonical(payload);
  if (!signatureBytes || !payloadBytes) throw unauthenticated('it is malformed');
  if (!key.verifier.verify(`${header}.${payload}`, signatureBytes)) throw unauthenticated('its signature does not fit');
  const claims = readClaims(payloadBytes.toString('utf8'));
  if (!claims) throw unauthenticated('it lacks a claim');
  return { claims, process: key.process };
}

/** The bytes of base64url that is written in the one way that counts. Node's decoder skips what it does not understand. */
function canonical(part: string): Buffer | undefined {
  if (!PART.test(part)) return undefined;
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

/** For people who look for the process whose key is missing; nothing is decided by it. */
function keyIdIn(header: string): string {
  const id =
    header.length <= 512 ? /"kid":"([A-Za-z0-9._-]{1,128})"/.exec(Buffer.from(header, 'base64url').toString('latin1'))?.[1] : undefined;
  return id === undefined ? '' : ` (key ${id})`;
}

/** The caller without anything else that stands on the object. */
const saidOf = ({ kind, subject, scopes, issuer, client, initiator, initiatorIssuer }: Caller): Caller => ({
  ...{ kind, subject, scopes },
  ...(issuer === undefined ? {} : { issuer }),
  ...(client === undefined ? {} : { client }),
  ...(initiator === undefined ? {} : { initiator }),
  ...(initiatorIssuer === undefined ? {} : { initiatorIssuer }),
});

/** Each text with its length before it, so that no two callers share a key whatever stands in their names. */
function cacheKey({ kind, subject, scopes, issuer, client, initiator, initiatorIssuer }: Caller, from: string, to: string): string {
  let key = `${from}>${to} ${kind} ${subject.length}:${subject}`;
  if (issuer !== undefined) key += `/${issuer.length}:${issuer}`;
  if (client !== undefined) key += `#${client.length}:${client}`;
  if (initiator !== undefined) key += `@${initiator.length}:${initiator}`;
  if (initiatorIssuer !== undefined) key += `%${initiatorIssuer.length}:${initiatorIssuer}`;
  for (const scope of scopes) key += ` ${scope.length}:${scope}`;
  return key;
}

const unauthenticated = (why: string): RametError => new RametError('Unauthenticated', `The identity of who calls is not valid: ${why}`);

const seconds = (ms: number): string => `${(ms / SECOND).toFixed(1)} s`;

const setsOf = (lists: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(Object.entries(lists).map(([name, list]) => [name, new Set(list)]));

function atMost(name: string, duration: Duration, mostMs: number, problems: string[]): number {
  const ms = durationMs(duration);
  if (ms <= mostMs) return ms;
  problems.push(`identities: '${name}' is ${duration}; it is at most ${mostMs / SECOND}s`);
  return mostMs;
}
