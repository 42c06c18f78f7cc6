import { BootError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, type Platform, SECOND } from '../platform/index.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Caller } from './caller.ts';
import type { Claims } from './claims.ts';
import { type KnownKeys, OwnKey, readPublicKeys } from './key-ring.ts';
import type { Secret } from './secret.ts';
import { openToken, TOKEN_MAX, unauthenticated } from './token.ts';

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
  return new ProcessIdentities(platform, options, checked(platform, options));
}

/** What the options come to. */
interface IdentitySettings {
  readonly lifetimeMs: number;
  readonly leewayMs: number;
  readonly known: KnownKeys;
  readonly own: OwnKey;
  readonly hosts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly graph: ReadonlyMap<string, ReadonlySet<string>>;
}

/** @throws BootError with every problem */
function checked(platform: Platform, options: IdentityOptions): IdentitySettings {
  const problems: string[] = [];
  const lifetimeMs = atMost('lifetime', options.lifetime ?? '60s', LIFETIME_MAX_MS, problems);
  if (lifetimeMs < SECOND || lifetimeMs % SECOND !== 0) problems.push(`identities: 'lifetime' must be whole seconds, from 1s`);
  const leewayMs = atMost('leeway', options.leeway ?? '5s', LEEWAY_MAX_MS, problems);
  const known = readPublicKeys(platform, options.publicKeys, problems);
  const hosts = setsOf(options.hosts);
  for (const process of hosts.keys())
    if (!(process in options.publicKeys))
      problems.push(`process '${process}' has no public key, so no process would believe it; add it to 'publicKeys'`);
  if (!hosts.has(options.process))
    problems.push(`process '${options.process}' hosts nothing, so it can speak for no service; add it to 'hosts'`);
  const own = ownKey(platform, options, known, problems);
  if (!own || problems.length > 0) throw new BootError(problems);
  return { lifetimeMs, leewayMs, known, own, hosts, graph: setsOf(options.graph) };
}

class ProcessIdentities implements SignedIdentities {
  readonly #clock: Platform['clock'];
  readonly #process: string;
  readonly #settings: IdentitySettings;
  readonly #hostedHere: ReadonlySet<string>;
  readonly #refusals: Refusals;
  readonly #signed = new BoundedCache<Signed>(CACHE_WEIGHT, (key, { token }) => key.length + token.length);
  readonly #verified = new BoundedCache<Verified>(CACHE_WEIGHT, (token) => token.length);

  constructor(platform: Platform, { process, onRefused = () => {} }: IdentityOptions, settings: IdentitySettings) {
    this.#clock = platform.clock;
    this.#process = process;
    this.#settings = settings;
    this.#hostedHere = settings.hosts.get(process) as ReadonlySet<string>;
    this.#refusals = new Refusals(platform, onRefused);
  }

  sign(caller: Caller, from: string, to: string): string {
    const key = cacheKey(caller, from, to);
    const ready = this.#signed.get(key);
    if (ready !== undefined) {
      const nowMono = this.#clock.monoNow();
      if (nowMono < ready.renewMono && Math.abs(this.#clock.wallNow() - nowMono - ready.offsetMs) < CLOCK_SET_MS) return ready.token;
    }
    return this.#signNew(key, caller, from, to);
  }

  verify(token: string, to: string): VerifiedIdentity {
    const ready = this.#verified.get(token);
    if (ready !== undefined && ready.to === to) {
      if (this.#clock.monoNow() < ready.untilMono && this.#clock.wallNow() < ready.untilMs) return ready.identity;
    }
    try {
      // The calendar may have been set back. The token has expired anyway.
      if (ready !== undefined && this.#clock.monoNow() >= ready.untilMono) throw unauthenticated('it expired');
      return this.#verifyNew(token, to);
    } catch (error) {
      this.#refusals.tell(error, to);
      throw error;
    }
  }

  #signNew(key: string, caller: Caller, from: string, to: string): string {
    const { lifetimeMs, own } = this.#settings;
    if (!this.#hostedHere.has(from)) throw unauthenticated(`process '${this.#process}' does not host '${from}' and cannot speak for it`);
    const nowMs = this.#clock.wallNow();
    const nowMono = this.#clock.monoNow();
    const iat = Math.floor(nowMs / SECOND);
    const claims: Claims = {
      iss: this.#process,
      sub: from,
      aud: to,
      iat,
      exp: iat + lifetimeMs / SECOND,
      caller: saidOf(caller),
    };
    const token = own.sign(JSON.stringify(claims));
    if (token.length > TOKEN_MAX)
      throw unauthenticated(`its caller takes ${token.length} characters, more than ${TOKEN_MAX}; give the caller fewer scopes`);
    this.#signed.set(key, { token, renewMono: nowMono + lifetimeMs / 2, offsetMs: nowMs - nowMono });
    return token;
  }

  #verifyNew(token: string, to: string): VerifiedIdentity {
    const { known, hosts, graph, leewayMs } = this.#settings;
    const { claims, process } = openToken(token, known);
    if (claims.iss !== process) throw unauthenticated(`it was signed by process '${process}' in the name of process '${claims.iss}'`);
    const { sub: from, caller } = claims;
    if (!hosts.get(process)?.has(from)) throw unauthenticated(`process '${process}' does not host '${from}' and cannot speak for it`);
    if (claims.aud !== to) throw unauthenticated(`it is meant for '${claims.aud}' and was given to '${to}'`);
    const nowMs = this.#clock.wallNow();
    const untilMs = claims.exp * SECOND + leewayMs;
    checkTimes(claims, nowMs, leewayMs);
    if (!graph.get(from)?.has(to)) {
      throw new RametError(
        'Forbidden',
        `'${from}' does not declare that it uses '${to}': add it to 'uses' of '${from}', and give the new graph to the process of '${to}' first`,
      );
    }
    const identity: VerifiedIdentity = Object.freeze({ caller, from });
    // A copy: the text that came in may be a slice of a whole frame, which would be kept with it.
    const copy = Buffer.from(token, 'latin1').toString('latin1');
    this.#verified.set(copy, { to, identity, untilMs, untilMono: this.#clock.monoNow() + untilMs - nowMs });
    return identity;
  }
}

/** @throws RametError Unauthenticated for a token that is not good now */
function checkTimes({ iat, exp }: Claims, nowMs: number, leewayMs: number): void {
  if (exp * SECOND + leewayMs <= nowMs)
    throw unauthenticated(`it expired ${seconds(nowMs - exp * SECOND)} ago; look at the clocks of both machines`);
  if (iat * SECOND > nowMs + leewayMs)
    throw unauthenticated(`it was signed ${seconds(iat * SECOND - nowMs)} from now; look at the clocks of both machines`);
  if ((exp - iat) * SECOND > LIFETIME_MAX_MS) throw unauthenticated('it is good for more than 60 s');
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

const seconds = (ms: number): string => `${(ms / SECOND).toFixed(1)} s`;

const setsOf = (lists: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(Object.entries(lists).map(([name, list]) => [name, new Set(list)]));

function atMost(name: string, duration: Duration, mostMs: number, problems: string[]): number {
  const ms = durationMs(duration);
  if (ms <= mostMs) return ms;
  problems.push(`identities: '${name}' is ${duration}; it is at most ${mostMs / SECOND}s`);
  return mostMs;
}
