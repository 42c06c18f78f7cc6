/** The same two services in one process, and in two that call each other over TCP: only the profile of the topology changes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { generateIdentityKey } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { staticAddresses } from 'ramet/discovery/static';
import { realPlatform } from 'ramet/platform';
import { declaredGraph, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { mux } from 'ramet/transport/mux';
import { Orders, orders, prices } from './services.ts';

const PORTS = { orders: 4101, prices: 4102 };
const store = sqlite(process.env.DATA_DIR ?? '.data', { exclusive: false });
const app = topology({
  services: { orders, prices },
  profiles: {
    monolith: { store, bus: embedded() },
    two: {
      ...{ store, bus: embedded(), transports: [mux()] },
      discovery: staticAddresses({ orders: [`127.0.0.1:${PORTS.orders}`], prices: [`127.0.0.1:${PORTS.prices}`] }),
      processes: { orders: ['orders'], prices: ['prices'] },
    },
  },
});

const [name, keys] = process.argv.slice(2) as ['orders' | 'prices' | undefined, string];
if (name) await child(name, JSON.parse(keys));
else await parent();

async function parent(): Promise<void> {
  const monolith = await start(app, { profile: 'monolith', logLevel: 'error' });
  const quote = await monolith.client(Orders).quote({ sku: 'tea' });
  console.log(`one process: ${quote.cents} cents, from the same process: ${quote.pid === process.pid}`);
  await monolith.stop();

  const pairs = { orders: generateIdentityKey(realPlatform()), prices: generateIdentityKey(realPlatform()) };
  const begin = (process: 'orders' | 'prices') => fork(fileURLToPath(import.meta.url), [process, JSON.stringify(pairs)]);
  const theirs = begin('prices');
  await once(theirs, 'message');
  await once(begin('orders'), 'exit');
  theirs.disconnect();
  await once(theirs, 'exit');
}

/** One process of the profile `two`; that of `orders` calls, and that of `prices` runs until its parent disconnects. */
async function child(process_: 'orders' | 'prices', pairs: Record<string, { privateKey: string; publicKey: string }>): Promise<void> {
  const runtime = await start(app, {
    profile: 'two',
    process: process_,
    logLevel: 'error',
    rpcPort: PORTS[process_],
    graph: await declaredGraph(app),
    identity: {
      privateKey: pairs[process_]?.privateKey ?? '',
      publicKeys: Object.fromEntries(Object.entries(pairs).map(([each, { publicKey }]) => [each, [publicKey]])),
    },
  });
  if (process_ === 'orders') {
    const quote = await runtime.client(Orders).quote({ sku: 'tea' });
    console.log(`two processes: ${quote.cents} cents, from the same process: ${quote.pid === process.pid}`);
    process.disconnect();
  } else await Promise.all([process.send?.('ready'), once(process, 'disconnect')]);
  await runtime.stop();
}
