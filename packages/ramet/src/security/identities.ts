import { BootError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, type Platform, SECOND } from '../platform/index.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Caller } from './caller.ts';
import type { Claims } from './claims.ts';
import { type KnownKeys, OwnKey, readPublicKeys } from './key-ring.ts';
import type { Secret } from './secret.ts';
import { openToken, TOKEN_MAX, unauthenticated } from './token.ts';

/** Options of {@link createIdentities}. */
export interface IdentityOptions {
  /** The process that signs tokens. */
  readonly process: string;
  /** The Ed25519 key of this process: PKCS #8 as PEM, or a JWK. A secret may be replaced while the process runs. */
  readonly privateKey: string | Secret;
  /** The public keys of every process, as PEM or JWK; several where one is being replaced. */
  readonly publicKeys: Readonly<Record<string, readonly string[]>>;
  /** The services and gateways that each process hosts. A process may call only on behalf of these. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  /** The services that each service or gateway declares to use. Calls of others are refused. */
  readonly graph: Readonly<Record<string, readonly string[]>>;
  /** How long a token is valid, in whole seconds (default and maximum 60s). A new token is signed after half of it. */
  readonly lifetime?: Duration;
  /** How much the clocks of two machines may differ (default and maximum 5s). */
  readonly leeway?: Duration;
  /** Called when a replaced key cannot be used. */
  readonly onError?: (error: unknown, where: object) => void;
  /** Called when tokens were refused, at most once per second: an attack, or a process with the wrong keys. */
  readonly onRefused?: (error: unknown, where: { readonly service: string; readonly refused: number }) => void;
}

/** The caller of an operation and its process, as a token says. */
export interface VerifiedIdentity {
  readonly caller: Caller;
  /** The service or gateway that calls. */
  readonly from: string;
}

/** Signs the callers of outgoing calls, and verifies those of incoming ones. */
export interface SignedIdentities {
  /**
   * Signs a token for one caller and one pair of services.
   * @param from the service or gateway of this process that calls, @param to the service that is called
   * @throws RametError Unauthenticated when this process does not host `from`, or the caller is too large
   */
  sign(caller: Caller, from: string, to: string): string;
  /**
   * Verifies a token.
   * @param to the service that was called
   * @throws RametError Unauthenticated when the token is forged, too old, signed by another process than it says, or meant for
   * another service; Forbidden when the calling service does not declare that it uses `to`
   */
  verify(token: string, to: string): VerifiedIdentity;
}

const LIFETIME_MAX_MS = 60 * SECOND;
const LEEWAY_MAX_MS = 5 * SECOND;
/** A client that sends bad tokens by the thousand must not fill the log too. */
const REFUSALS_EVERY_MS = SECOND;
/** The weight of a cache in characters: some ten thousand callers with tokens of common size. */
const CACHE_WEIGHT = 8_000_000;
/** Wall and monotonic clock differ by less than this while a token is valid, unless the clock is set. */
const CLOCK_SET_MS = SECOND;

interface Signed {
  readonly token: string;
  readonly renewMono: number;
  /** Wall time minus monotonic time at the signature. */
  readonly offsetMs: number;
}

interface Verified {
  readonly to: string;
  readonly identity: VerifiedIdentity;
  readonly untilMs: number;
  /** The same end on the monotonic clock. */
  readonly untilMono: number;
}

/**
 * Makes the identities of one process: a token for each pair of services and each caller, a JWS signed with Ed25519 (RFC 7515,
 * RFC 8037) by the profile of RFC 8725. A token is signed once and used for half its life, and the called service verifies it once;
 * in between, both sides only look into a map. A stolen token works for a minute and for one service only. So connections that
 * leave the machine must be encrypted anyway.
 * @throws BootError with every problem of the keys
 */
export function createIdentities(platform: Platform, options: IdentityOptions): SignedIdentities {
  return new ProcessIdentities(platform, options, checked(platform, options));
}

/** The options of an identity, checked. */
interface IdentitySettings {
  readonly lifetimeMs: number;
  readonly leewayMs: number;
  readonly known: KnownKeys;
  readonly own: OwnKey;
  readonly hosts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly graph: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Checks the options. @throws BootError with every problem */
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
      this.#refusals.note(error, to);
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
      caller: copyOf(caller),
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
    // A copy: the received text may be a slice of a whole frame, which would be kept with it.
    const copy = Buffer.from(token, 'latin1').toString('latin1');
    this.#verified.set(copy, { to, identity, untilMs, untilMono: this.#clock.monoNow() + untilMs - nowMs });
    return identity;
  }
}

/** Checks the times of a token. @throws RametError Unauthenticated when it is not valid now */
function checkTimes({ iat, exp }: Claims, nowMs: number, leewayMs: number): void {
  if (exp * SECOND + leewayMs <= nowMs)
    throw unauthenticated(`it expired ${seconds(nowMs - exp * SECOND)} ago; look at the clocks of both machines`);
  if (iat * SECOND > nowMs + leewayMs)
    throw unauthenticated(`it was signed ${seconds(iat * SECOND - nowMs)} from now; look at the clocks of both machines`);
  if ((exp - iat) * SECOND > LIFETIME_MAX_MS) throw unauthenticated('it is valid for more than 60 s');
}

/** Reports refusals, with their number since the last report. */
class Refusals {
  readonly #platform: Platform;
  readonly #report: NonNullable<IdentityOptions['onRefused']>;
  #since = 0;
  #nextMono = Number.NEGATIVE_INFINITY;

  constructor(platform: Platform, report: NonNullable<IdentityOptions['onRefused']>) {
    this.#platform = platform;
    this.#report = report;
  }

  note(error: unknown, service: string): void {
    this.#since++;
    const nowMono = this.#platform.clock.monoNow();
    if (nowMono < this.#nextMono) return;
    this.#nextMono = nowMono + REFUSALS_EVERY_MS;
    this.#report(error, { service, refused: this.#since });
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

/** Copies the fields of a caller, without anything else on the object. */
const copyOf = ({ kind, subject, scopes, issuer, client, initiator, initiatorIssuer }: Caller): Caller => ({
  ...{ kind, subject, scopes },
  ...(issuer === undefined ? {} : { issuer }),
  ...(client === undefined ? {} : { client }),
  ...(initiator === undefined ? {} : { initiator }),
  ...(initiatorIssuer === undefined ? {} : { initiatorIssuer }),
});

/** Writes a key for the cache. Each text follows its length, so that no two callers share a key, whatever their names hold. */
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
