import { embedded } from 'ramet/bus/embedded';
import { topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';

export const dataDir = process.env.DATA_DIR || '.data';

/** The system and how it runs: two services and a gateway in one process, each service with its own SQLite file. */
export default topology({
  services: {
    bookings: () => import('./services/bookings/service.ts'),
    rooms: () => import('./services/rooms/service.ts'),
  },
  gateways: {
    web: () => import('./gateways/web.ts'),
  },
  profiles: {
    monolith: { store: sqlite(dataDir), bus: embedded() },
  },
});
