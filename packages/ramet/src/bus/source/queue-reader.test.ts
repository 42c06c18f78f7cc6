import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, realPlatform } from '../../platform/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { BusPlace } from '../conformance/fixture.conformance.ts';
import { MemoryBroker } from '../conformance/memory-queue.conformance.ts';
import { busConformance } from '../conformance.ts';

const place = (order: 'key' | 'none') => async (): Promise<BusPlace> => {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-queue-'));
  const platform = realPlatform();
  const broker = new MemoryBroker(platform, order);
  const stores = sqlite(folder, { exclusive: false });
  const environment = {
    platform,
    onWarning: () => {},
    onFatal: (error: unknown) => {
      throw error;
    },
  };
  return {
    platform,
    silent: true,
    bus: (onError, platform) => broker.bus({ platform, onError, owner: newId(platform, 'own') }),
    store: (service) => stores.open(service, environment),
    async dispose() {
      await broker.stop();
      rmSync(folder, { recursive: true });
    },
  };
};

for (const order of ['key', 'none'] as const)
  busConformance(`a queue in memory with order '${order}'`, {
    capabilities: new MemoryBroker(realPlatform(), order).capabilities,
    place: place(order),
  });
