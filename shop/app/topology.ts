import { embedded } from 'ramet/bus/embedded';
import { topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';

/** Where everything of this shop is kept that no server keeps for it. */
export const dataDir = process.env.DATA_DIR || '.data';

/** Every way to run the shop. */
export default topology({
  services: {
    users: () => import('./services/users/service.ts'),
    catalog: () => import('./services/catalog/service.ts'),
    inventory: () => import('./services/inventory/service.ts'),
    orders: () => import('./services/orders/service.ts'),
    payments: () => import('./services/payments/service.ts'),
    shipping: () => import('./services/shipping/service.ts'),
    returns: () => import('./services/returns/service.ts'),
    preorders: () => import('./services/preorders/service.ts'),
    notifications: () => import('./services/notifications/service.ts'),
    analytics: () => import('./services/analytics/service.ts'),
    audit: () => import('./services/audit/service.ts'),
  },
  gateways: {
    web: () => import('./gateways/web.ts'),
    mobile: () => import('./gateways/mobile.ts'),
  },
  profiles: {
    monolith: { store: sqlite(dataDir), bus: embedded() },
    /** One process on a PostgreSQL. */
    postgres: async () => (await import('./engines.ts')).onPostgres(),
    /** One process per service and gateway, on PostgreSQL, Kafka (or PostgreSQL again) and Consul. */
    services: async () => (await import('./engines.ts')).asServices(),
  },
});
