/** The prime of the field and the constant of the curve (RFC 8032, 5.1). */
const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SQRT_OF_MINUS_ONE = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const SIGN = 2n ** 255n;

/**
 * Says what is wrong with a public key of Ed25519, beside its length. OpenSSL accepts any 32 bytes, and two kinds of them are harmful:
 * bytes that are not a point of the curve or encode one in a second way, and points of small order, for which any sender can make a
 * signature that verifies.
 * @param bytes 32 of them, as RFC 8032 encodes a point
 * @returns a reason, or undefined when the key can be trusted with signatures
 */
export function weaknessOfEd25519(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 32) return `it has ${bytes.length} bytes in place of 32`;
  const encoded = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const y = encoded % SIGN;
  const x = y < P ? xOf(y, encoded >= SIGN) : undefined;
  if (x === undefined) return 'it is not a point of the curve';
  return isOfSmallOrder(x, y) ? 'its point has a small order, so that anybody can sign for it' : undefined;
}

/** The other coordinate (RFC 8032, 5.1.3). @returns undefined when there is none */
function xOf(y: bigint, isOdd: boolean): bigint | undefined {
  const ySquared = (y * y) % P;
  const u = mod(ySquared - 1n);
  const v = mod(D * ySquared + 1n);
  const v3 = (((v * v) % P) * v) % P;
  let x = (((u * v3) % P) * power((((u * v3) % P) * v3 * v) % P, (P - 5n) / 8n)) % P;
  if (mod(v * x * x - u) !== 0n) x = (x * SQRT_OF_MINUS_ONE) % P;
  if (mod(v * x * x - u) !== 0n || (x === 0n && isOdd)) return undefined;
  return (x % 2n === 1n) === isOdd ? x : P - x;
}

/** Whether eight times the point is the neutral one: three doublings, in projective coordinates. */
function isOfSmallOrder(x: bigint, y: bigint): boolean {
  let point: readonly [bigint, bigint, bigint] = [x, y, 1n];
  for (let doublings = 0; doublings < 3; doublings++) point = doubled(...point);
  return point[0] === 0n && point[1] === point[2];
}

function doubled(x: bigint, y: bigint, z: bigint): readonly [bigint, bigint, bigint] {
  const sum = mod((x + y) * (x + y));
  const [xx, yy, zz] = [mod(x * x), mod(y * y), mod(z * z)];
  const f = mod(yy - xx);
  const j = mod(f - 2n * zz);
  return [mod((sum - xx - yy) * j), mod(f * mod(-xx - yy)), mod(f * j)];
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let factor = base, rest = exponent; rest > 0n; rest /= 2n) {
    if (rest % 2n === 1n) result = (result * factor) % P;
    factor = (factor * factor) % P;
  }
  return result;
}

const mod = (value: bigint): bigint => ((value % P) + P) % P;
