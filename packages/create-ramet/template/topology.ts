import { embedded } from 'ramet/bus/embedded';
import { topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';

export const dataDir = process.env.DATA_DIR || '.data';

/** What there is, and how it is run: two services and a gateway, here in one process, each service on an SQLite file of its own. */
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
