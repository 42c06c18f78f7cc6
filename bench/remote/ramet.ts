import type { Runtime } from 'ramet/runtime';

/** What a topology of several processes joins is joined here by hand, so that the transport can be measured without the rest. */
const inside = (path: string) => import(new URL(`../../packages/ramet/src/${path}.ts`, import.meta.url).href);

/** The parts of the framework that two processes need to call each other. */
export const [{ compileUses }, security, { newTrace }, { NEVER }, { SHOP_TLS }] = await Promise.all(
  ['rpc/index', 'security/index', 'telemetry/index', 'rpc/index', 'rpc/mux/tls.fixture'].map(inside),
);

/** Both processes read the keys from their environment; the one that calls makes them. */
export function identitiesOf(platform: unknown, process: 'calls' | 'answers', keys: Keys) {
  return security.createIdentities(platform, {
    process,
    privateKey: keys[process].privateKey,
    publicKeys: { calls: [keys.calls.publicKey], answers: [keys.answers.publicKey] },
    hosts: { calls: ['caller'], answers: ['shelf'] },
    graph: { caller: ['shelf'], shelf: [] },
  });
}

export interface Keys {
  readonly calls: { readonly privateKey: string; readonly publicKey: string };
  readonly answers: { readonly privateKey: string; readonly publicKey: string };
}

export const newKeys = (platform: unknown): Keys => ({
  calls: security.generateIdentityKey(platform),
  answers: security.generateIdentityKey(platform),
});

export const dispatchersOf = (runtime: Runtime): Map<string, unknown> =>
  new Map([...runtime.services].map(([name, { dispatcher }]) => [name, dispatcher]));
