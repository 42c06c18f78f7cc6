import { realPlatform } from '../platform/index.ts';
import { createIdentities, generateIdentityKey } from './index.ts';

// What an identity adds to a call. Run: node -C ramet-source packages/ramet/src/security/identities.bench.ts

const platform = realPlatform();
const [ours, theirs] = [generateIdentityKey(platform), generateIdentityKey(platform)];
const known = {
  publicKeys: { shop: [ours.publicKey], money: [theirs.publicKey] },
  hosts: { shop: ['orders'], money: ['payments'] },
  graph: { orders: ['payments'] },
};
const shop = createIdentities(platform, { process: 'shop', privateKey: ours.privateKey, ...known });
const money = createIdentities(platform, { process: 'money', privateKey: theirs.privateKey, ...known });
const CALLERS = 5_000;
const caller = (i: number) => ({ kind: 'user' as const, subject: `cus_${i}`, scopes: ['orders:read', 'orders:write'] });
const callers = Array.from({ length: CALLERS }, (_, i) => caller(i));
const tokens = callers.map((each) => shop.sign(each, 'orders', 'payments'));
const frames = tokens.map((token) => Buffer.from(token));
for (const token of tokens) money.verify(token, 'payments');

const cases: Record<string, { rounds: number; run: (i: number) => unknown }> = {
  'sign, a caller that was not there yet': { rounds: 5_000, run: (i) => shop.sign(caller(CALLERS + i), 'orders', 'payments') },
  'sign, one caller again and again': { rounds: 500_000, run: () => shop.sign(callers[7] as never, 'orders', 'payments') },
  'sign, 5000 callers in turn': { rounds: 300_000, run: (i) => shop.sign(callers[i % CALLERS] as never, 'orders', 'payments') },
  'verify, 5000 callers in turn, each out of a frame': {
    rounds: 300_000,
    run: (i) => money.verify((frames[i % CALLERS] as Buffer).toString('latin1'), 'payments'),
  },
};
for (const [name, { rounds, run }] of Object.entries(cases)) {
  const startedMono = platform.clock.monoNow();
  for (let i = 0; i < rounds; i++) run(i);
  console.log(`${name}: ${(((platform.clock.monoNow() - startedMono) * 1_000) / rounds).toFixed(2)} µs`);
}
console.log(`a token has ${tokens[0]?.length} characters`);
const fresh = createIdentities(platform, { process: 'money', privateKey: theirs.privateKey, ...known });
const startedMono = platform.clock.monoNow();
for (const token of tokens) fresh.verify(token, 'payments');
console.log(`verify, for the first time: ${(((platform.clock.monoNow() - startedMono) * 1_000) / CALLERS).toFixed(2)} µs`);
