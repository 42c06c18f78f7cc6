import { environment, files, firstOf } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import type { Profile } from 'ramet/runtime';
import { postgres } from 'ramet/store/postgres';

/** Shops that share engines have names of their own for what they keep there: `a_` makes `a_orders` of `orders`. */
const prefix = process.env.SHOP_PREFIX || '';

/** The address of an engine, from the environment; says how to come by one. */
function address(name: string, engine: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start the engine (npm run infra -- up ${engine}), and see 'npm run infra -- env'`);
  return value;
}

const secrets = firstOf(files(process.env.SECRETS_DIR || 'secrets'), environment());

/** Each service has a role of its own, which the server refuses what belongs to another one; its address has the password. A dozen services share the connections of one server. */
const store = () => postgres((service) => secrets.get(`${service}-database`), { schema: `${prefix}{service}`, connections: 6, readers: 3 });

/** The modular monolith on a PostgreSQL. */
export const onPostgres = (): Profile => ({ store: store(), bus: embedded() });

/** A process for each service and gateway. */
export async function asServices(): Promise<Profile> {
  // What a profile does not use is not loaded, and need not be installed.
  const [{ consul }, { mux }] = await Promise.all([import('ramet/discovery/consul'), import('ramet/transport/mux')]);
  return {
    store: store(),
    bus: await bus(),
    discovery: consul(address('CONSUL_URL', 'consul'), { prefix, allow: ['loopback'] }),
    transports: [mux()],
    ...(process.env.REDIS_URL
      ? { limits: (await import('ramet/limits/redis')).redis(process.env.REDIS_URL, { prefix: `${prefix}limits:` }) }
      : {}),
    admin: 'web',
    processes: {
      users: ['users'],
      catalog: ['catalog'],
      inventory: ['inventory'],
      orders: ['orders'],
      payments: ['payments'],
      shipping: ['shipping'],
      returns: ['returns'],
      preorders: ['preorders'],
      notifications: ['notifications'],
      analytics: ['analytics'],
      audit: ['audit'],
      web: ['web'],
      mobile: ['mobile'],
    },
  };
}

async function bus(): Promise<Profile['bus']> {
  if (process.env.BUS === 'postgres') return (await import('ramet/bus/postgres')).postgresBus(secrets.get('bus-database'));
  return (await import('ramet/bus/kafka')).kafka({ brokers: address('KAFKA_BROKERS', 'kafka').split(','), prefix });
}
