import { type Platform, realPlatform } from '../../platform/index.ts';
import { limitStoreConformance } from './conformance.ts';
import { memoryStore } from './limit-store.ts';

const real = realPlatform();

limitStoreConformance('memory', {
  capabilities: memoryStore(real).capabilities,
  async place() {
    let nowMs = 1_000_000_000.25;
    const platform = { clock: { monoNow: () => nowMs }, crypto: real.crypto } as unknown as Platform;
    return {
      open: async () => memoryStore(platform),
      async pass(ms) {
        nowMs += ms;
      },
      async dispose() {},
    };
  },
});
