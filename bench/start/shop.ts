import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startShop } from '../../shop/rig/harness/shop-process.ts';
import type { Start } from '../core/row.ts';
import { residentMb } from './memory.ts';

/** How long it is left alone before its memory is looked at. */
const IDLE_MS = 4_000;

const start: Start = async ({ folder }) => ({
  async round() {
    const dataDir = await mkdtemp(join(folder, 'shop-'));
    const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    try {
      const began = performance.now();
      await using shop = await startShop({ dataDir, env });
      const first = performance.now() - began;
      await shop.terminate();
      const again = performance.now();
      shop.launch();
      await shop.ready();
      const next = performance.now() - again;
      await sleep(IDLE_MS);
      return { 'first start': first / 1_000, 'next start': next / 1_000, memory: residentMb(shop.pid as number) };
    } finally {
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  },
  close: async () => {},
});
export default start;
