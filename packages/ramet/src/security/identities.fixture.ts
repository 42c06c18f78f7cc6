import { type Platform, realPlatform } from '../platform/index.ts';
import { type Caller, createIdentities, generateIdentityKey, type IdentityOptions, type SignedIdentities } from './index.ts';

const real = realPlatform();

/** A machine whose clock the test sets; `signatures` counts what is signed and verified on it. */
export class Machine {
  wallMs = Date.UTC(2026, 0, 5, 8);
  monoMs = 5_000;
  signed = 0;
  verified = 0;
  readonly platform: Platform = {
    ...real,
    clock: { wallNow: () => this.wallMs, monoNow: () => this.monoMs },
    signatures: {
      signer: (text) => {
        const { publicKey, sign } = real.signatures.signer(text);
        return {
          publicKey,
          sign: (payload) => {
            this.signed++;
            return sign(payload);
          },
        };
      },
      verifier: (text) => {
        const { publicKey, verify } = real.signatures.verifier(text);
        return {
          publicKey,
          verify: (payload, signature) => {
            this.verified++;
            return verify(payload, signature);
          },
        };
      },
    },
  };

  pass(ms: number): void {
    this.wallMs += ms;
    this.monoMs += ms;
  }
}

export const SHOP = generateIdentityKey(real);
export const MONEY = generateIdentityKey(real);
export const STRANGER = generateIdentityKey(real);

/** Two processes: `shop` hosts the gateway web, orders and catalog; `money` hosts payments and ledger. */
export const TWO = {
  publicKeys: { shop: [SHOP.publicKey], money: [MONEY.publicKey] },
  hosts: { shop: ['web', 'orders', 'catalog'], money: ['payments', 'ledger'] },
  graph: { web: ['orders', 'catalog'], orders: ['payments'], catalog: [], payments: ['ledger', 'orders'], ledger: [] },
} satisfies Partial<IdentityOptions>;

export const identitiesOf = (process: 'shop' | 'money', machine: Machine, more: Partial<IdentityOptions> = {}): SignedIdentities =>
  createIdentities(machine.platform, { process, privateKey: (process === 'shop' ? SHOP : MONEY).privateKey, ...TWO, ...more });

export const ANNA: Caller = { kind: 'user', subject: 'anna', scopes: ['orders:read', 'orders:write'] };

/** What `run` throws, as its code and words. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return 'let in';
}

/** A token with other parts than it was signed with. */
export function forged(token: string, change: { header?: object; claims?: object; signature?: (text: string) => string }): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const merged = (part: string, more: object) =>
    Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...more })).toString('base64url');
  const text = `${change.header ? merged(header, change.header) : header}.${change.claims ? merged(payload, change.claims) : payload}`;
  return `${text}.${change.signature ? change.signature(text) : signature}`;
}

/** Signs like the owner of the key. */
export const signedBy =
  (privateKey: string) =>
  (text: string): string =>
    Buffer.from(real.signatures.signer(privateKey).sign(text)).toString('base64url');
