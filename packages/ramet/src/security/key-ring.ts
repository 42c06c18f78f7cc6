import type { Platform, Signer, Verifier } from '../platform/index.ts';
import { keyIdOf } from './keys.ts';
import { revealed, type Secret } from './secret.ts';

/** A public key, and the process that has the private key. */
export interface KnownKey {
  readonly process: string;
  readonly verifier: Verifier;
}

/** The public keys of all processes, by the header of the tokens that each signs. */
export type KnownKeys = ReadonlyMap<string, KnownKey>;

/**
 * Writes the first part of every token that is signed with a key. It is compared and never parsed, so that nothing in it can choose
 * how a token is verified.
 */
const headerOf = (keyId: string): string =>
  Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: keyId, typ: 'ramet-identity+jwt' })).toString('base64url');

/** Reads the public keys of all processes. @param problems receives every problem with them */
export function readPublicKeys(platform: Platform, publicKeys: Readonly<Record<string, readonly string[]>>, problems: string[]): KnownKeys {
  const known = new Map<string, KnownKey>();
  for (const [process, texts] of Object.entries(publicKeys)) {
    if (texts.length === 0) problems.push(`process '${process}' has no public key; make one with 'generateIdentityKey'`);
    for (const [i, text] of texts.entries()) {
      const which = `public key ${i + 1} of process '${process}'`;
      try {
        const verifier = platform.signatures.verifier(text);
        const header = headerOf(keyIdOf(platform, verifier.publicKey));
        const other = known.get(header);
        if (other && other.process !== process)
          problems.push(`${which} is one of process '${other.process}' too, so the two cannot be distinguished; give each its own`);
        known.set(header, { process, verifier });
      } catch (error) {
        problems.push(`${which} cannot be used: ${(error as Error).message}`);
      }
    }
  }
  return known;
}

/** The key that signs tokens at present. */
interface SigningKey {
  readonly text: string;
  readonly signer: Signer;
  readonly header: string;
}

/** How often a key in a secret is read again, at most, because that may read a file. */
const LOOK_MS = 1_000;

/**
 * The private key of this process. A key in a secret is read again while the process runs. A new key that the other processes know
 * already replaces the old one; a key that cannot be used is reported and ignored.
 */
export class OwnKey {
  readonly #platform: Platform;
  readonly #process: string;
  readonly #source: string | Secret;
  readonly #known: KnownKeys;
  readonly #onError: (error: unknown, where: object) => void;
  #key: SigningKey;
  #lookedMono: number;
  #failure = '';

  /** @throws RangeError when the key cannot be used; RametError SecretMissing when there is none */
  constructor(
    platform: Platform,
    process: string,
    source: string | Secret,
    known: KnownKeys,
    onError: (error: unknown, where: object) => void,
  ) {
    this.#platform = platform;
    this.#process = process;
    this.#source = source;
    this.#known = known;
    this.#onError = onError;
    this.#key = this.#read(revealed(source));
    this.#lookedMono = platform.clock.monoNow();
  }

  /** Signs a payload. @returns the token */
  sign(payload: string): string {
    const { header, signer } = this.#current();
    const text = `${header}.${Buffer.from(payload, 'utf8').toString('base64url')}`;
    return `${text}.${Buffer.from(signer.sign(text)).toString('base64url')}`;
  }

  #current(): SigningKey {
    const nowMono = this.#platform.clock.monoNow();
    if (typeof this.#source === 'string' || nowMono - this.#lookedMono < LOOK_MS) return this.#key;
    this.#lookedMono = nowMono;
    try {
      const text = this.#source.reveal();
      if (text !== this.#key.text) this.#key = this.#read(text);
      this.#failure = '';
    } catch (error) {
      const message = (error as Error).message;
      if (message !== this.#failure) this.#onError(error, { process: this.#process, now: 'signs with the key that it had' });
      this.#failure = message;
    }
    return this.#key;
  }

  #read(text: string): SigningKey {
    let signer: Signer;
    try {
      signer = this.#platform.signatures.signer(text);
    } catch (error) {
      throw new RangeError(`the private key of process '${this.#process}' cannot be used: ${(error as Error).message}`);
    }
    const header = headerOf(keyIdOf(this.#platform, signer.publicKey));
    const known = this.#known.get(header);
    if (known?.process !== this.#process) {
      throw new RangeError(
        known
          ? `the private key of process '${this.#process}' is the one of process '${known.process}'; give it its own`
          : `the private key of process '${this.#process}' belongs to none of its public keys, so no process would believe it; add its other half, {"kty":"OKP","crv":"Ed25519","x":"${signer.publicKey}"}, to them everywhere first`,
      );
    }
    return { text, signer, header };
  }
}
