import { startShopOn } from '../harness/engines.ts';
import { acceptance } from './acceptance.ts';
import { asShop } from './started.ts';

const engines = {
  postgres: process.env.RAMET_TEST_POSTGRES ?? '',
  kafka: process.env.RAMET_TEST_KAFKA ?? '',
  consul: process.env.RAMET_TEST_CONSUL ?? '',
};

/** The shop as a process for each service and gateway, over mux, found by Consul; events go by Kafka. */
acceptance(async ({ env } = {}) => {
  const { shop, end } = await startShopOn(engines, { program: 'shop/rig/fleet/main.ts', ...(env ? { env } : {}) });
  return asShop(shop, end);
});
