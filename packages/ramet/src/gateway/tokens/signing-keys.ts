import { type CryptoKey, importJWK, type JWK } from 'jose';
import { weaknessOfEd25519 } from '../../platform/index.ts';

/** The algorithms that a gateway accepts. All of them use public keys, so that the issuer alone can sign. */
export const ALGORITHMS = ['EdDSA', 'ES256', 'PS256', 'RS256'] as const;
/** An accepted algorithm. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** A public key that verifies tokens. */
export interface TokenKey {
  readonly kid: string;
  /** The parts of the key as text, which are equal for the same key in two sets. */
  readonly parts: string;
  readonly key: CryptoKey | Uint8Array;
}

/** The usable keys of a set. */
export interface TokenKeys {
  readonly keys: ReadonlyMap<string, TokenKey>;
  /** A sentence for each key that was ignored. */
  readonly ignored: readonly string[];
}

/** A set with more keys is refused as a whole: no issuer needs so many, and each costs a check. */
export const KEYS_MAX = 100;
/** The accepted form of the id of a key, which is looked up in a map and written to the log. */
export const KID = /^[A-Za-z0-9._-]{1,128}$/;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const RSA_BITS_MIN = 2_048;
/** The time to verify grows with the square of the length. */
const RSA_BITS_MAX = 8_192;
/** FIPS 186-5, 5.4: the exponent is odd and greater than 2^16. */
const RSA_EXPONENT_MIN = 65_537n;
const RSA_EXPONENT_BITS_MAX = 64;
/** SP 800-89, 5.3.3: a modulus has no factor up to here. */
const SMALL_FACTOR_MAX = 751n;

type KeyFields = Readonly<Record<string, unknown>>;

/**
 * Reads a key set (RFC 7517). A key that cannot be used is ignored and reported, and the others count (section 5). Keys of other
 * algorithms, keys for encryption, keys without an id, private keys, symmetric keys and weak keys cannot be used.
 * @param known the keys of an earlier set; a key that did not change is reused
 * @throws RangeError when it is not a key set, or has more than {@link KEYS_MAX} keys
 */
export async function readTokenKeys(
  set: unknown,
  algorithm: Algorithm,
  known: ReadonlyMap<string, TokenKey> = new Map(),
): Promise<TokenKeys> {
  const listed = typeof set === 'object' && set !== null ? (set as KeyFields)['keys'] : undefined;
  if (!Array.isArray(listed)) throw new RangeError("it is not a key set: it has no list 'keys'");
  if (listed.length > KEYS_MAX) throw new RangeError(`it has ${listed.length} keys, more than ${KEYS_MAX}`);
  const keys = new Map<string, TokenKey>();
  const ignored: string[] = [];
  for (const [i, entry] of listed.entries()) {
    const jwk: KeyFields = typeof entry === 'object' && entry !== null ? (entry as KeyFields) : {};
    const { kid } = jwk;
    const name = typeof kid === 'string' && KID.test(kid) ? `key '${kid}'` : `key number ${i + 1}`;
    const weakness = unusable(jwk, algorithm) ?? (keys.has(kid as string) ? 'another key has the same id' : undefined);
    const key = weakness === undefined ? await imported(jwk, algorithm, known) : undefined;
    if (key) keys.set(key.kid, key);
    else ignored.push(`${name}: ${weakness ?? 'its parts do not make a key'}`);
  }
  return { keys, ignored };
}

/** Says why a key cannot be used. */
function unusable(jwk: KeyFields, algorithm: Algorithm): string | undefined {
  const { kid, use, alg, key_ops: operations } = jwk;
  if (typeof kid !== 'string' || !KID.test(kid)) return "its id 'kid' is missing or not 1 to 128 characters of A-Za-z0-9._-";
  if (use !== undefined && use !== 'sig') return 'it is not for signatures';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'it is not for verifying';
  if (alg !== undefined && alg !== algorithm) return `it is for another algorithm than ${algorithm}`;
  if (jwk['d'] !== undefined) return 'it is a private key, which is no longer secret';
  if (algorithm === 'EdDSA') return curveMismatch(jwk, 'OKP', 'Ed25519', algorithm) ?? weakEd25519(jwk);
  if (algorithm === 'ES256') return curveMismatch(jwk, 'EC', 'P-256', algorithm) ?? weakP256(jwk);
  return jwk['kty'] === 'RSA' ? weakRsa(jwk) : `it is not an RSA key, as ${algorithm} needs`;
}

const curveMismatch = (jwk: KeyFields, kty: string, crv: string, algorithm: Algorithm): string | undefined =>
  jwk['kty'] === kty && jwk['crv'] === crv ? undefined : `it is not a key of the curve ${crv}, as ${algorithm} needs`;

function weakEd25519(jwk: KeyFields): string | undefined {
  const x = bytesOf(jwk['x']);
  return x ? weaknessOfEd25519(x) : "its part 'x' is not base64url";
}

/** The import checks whether the point is on the curve. */
function weakP256(jwk: KeyFields): string | undefined {
  return bytesOf(jwk['x'])?.length === 32 && bytesOf(jwk['y'])?.length === 32
    ? undefined
    : "its parts 'x' and 'y' are not 32 bytes of base64url";
}

function weakRsa(jwk: KeyFields): string | undefined {
  const [n, e] = [integerOf(jwk['n']), integerOf(jwk['e'])];
  if (n === undefined || e === undefined) return "its parts 'n' and 'e' are not base64url";
  const bits = bitsOf(n);
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) return `it has ${bits} bits; ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are accepted`;
  if (e < RSA_EXPONENT_MIN || e % 2n === 0n) return `its exponent is ${bitsOf(e) > 32 ? 'even' : e}; odd ones from 65537 are accepted`;
  if (bitsOf(e) > RSA_EXPONENT_BITS_MAX) return `its exponent has more than ${RSA_EXPONENT_BITS_MAX} bits`;
  if (hasSmallFactor(n)) return 'its modulus has a small factor';
  return undefined;
}

function hasSmallFactor(n: bigint): boolean {
  if (n % 2n === 0n) return true;
  for (let factor = 3n; factor <= SMALL_FACTOR_MAX; factor += 2n) if (n % factor === 0n) return true;
  return false;
}

/** Imports the parts of the key and nothing else of the entry. @returns undefined when the parts are not a key */
async function imported(jwk: KeyFields, algorithm: Algorithm, known: ReadonlyMap<string, TokenKey>): Promise<TokenKey | undefined> {
  const names = algorithm === 'EdDSA' ? ['kty', 'crv', 'x'] : algorithm === 'ES256' ? ['kty', 'crv', 'x', 'y'] : ['kty', 'n', 'e'];
  const only = Object.fromEntries(names.map((name) => [name, jwk[name]]));
  const [kid, parts] = [jwk['kid'] as string, JSON.stringify(only)];
  const before = known.get(kid);
  if (before?.parts === parts) return before;
  try {
    return { kid, parts, key: await importJWK(only as JWK, algorithm) };
  } catch {
    return undefined;
  }
}

/** @returns undefined for anything but canonical base64url: Node's decoder skips invalid characters */
function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value !== 'string' || !BASE64URL.test(value)) return undefined;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.toString('base64url') === value ? bytes : undefined;
}

function integerOf(value: unknown): bigint | undefined {
  const bytes = bytesOf(value);
  return bytes && BigInt(`0x${bytes.toString('hex')}`);
}

const bitsOf = (value: bigint): number => value.toString(2).length;
