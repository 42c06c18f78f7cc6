import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentityKey } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { declaredGraph } from 'ramet/runtime';
import { provision } from 'ramet/store/postgres';
import { products } from '../../app/services/catalog/data/products.ts';
import { freshStorefront } from '../../app/storefront/fresh.ts';
import topology, { dataDir } from '../../app/topology.ts';
import { portFromEnv } from '../child-process.ts';
import { startCompanions } from '../companions.ts';
import { Fleet, type RpcPort } from './fleet.ts';

/*
 * `npm run services`: the shop as a process per service and gateway, on engines that run (`npm run infra -- up postgres kafka
 * consul`). SIGHUP replaces every process, one after another; SIGTERM stops them all.
 */
const webPort = portFromEnv('PORT', 3000);
const adminPort = portFromEnv('ADMIN_PORT', 3001);
const mobilePort = portFromEnv('MOBILE_PORT', 3002);
const prefix = process.env.SHOP_PREFIX || '';
const services = Object.keys(topology.services);
const say = (line: string) => void process.stderr.write(`${line}\n`);

const [graph, databases] = await Promise.all([
  declaredGraph(topology),
  provision(needed('DATABASE_URL'), { services, prefix }),
  freshStorefront(),
]).catch((error: unknown) => end(error));
const gateways = Object.keys(topology.gateways);
const processes = [...services, ...gateways];
const replicas = replicasOf(process.env.REPLICAS || '');
/** `17000:27000,17001:27001`: where processes take calls, and the addresses that they advertise. */
const rpcPorts = (process.env.RPC_PORTS || '').split(',').flatMap((pair): RpcPort[] => {
  const [port, advertised] = pair.split(':').map(Number);
  return port && advertised ? [{ port, advertised }] : [];
});
const secrets = join(dataDir, 'secrets');
const graphFile = join(dataDir, 'graph.json');
const identitiesFile = join(dataDir, 'identities.json');
writeSecrets();
// Instances share a token; the next start of the shop has another one.
for (const file of ['admin.token', 'admin']) rmSync(join(dataDir, file), { recursive: true, force: true });

const companions = startCompanions((name, code) => {
  say(`${name} has ended with code ${code}; the shop ends with it`);
  process.kill(process.pid, 'SIGTERM');
}).catch((error: unknown) => end(error));

const fleet = new Fleet({
  gateways,
  processes: processes.flatMap((name) => Array.from({ length: replicas.get(name) ?? 1 }, () => name)),
  ...(rpcPorts.length > 0 ? { rpcPorts } : {}),
  say,
  changed: () => writeFileSync(join(dataDir, 'processes.json'), JSON.stringify(fleet.instances, undefined, 2)),
  env: (name) => ({
    ...(process.env as Record<string, string>),
    SECRETS_DIR: join(secrets, name),
    LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    GRAPH_FILE: graphFile,
    IDENTITIES_FILE: identitiesFile,
    PORT: String(name === 'web' ? webPort : mobilePort),
    // Each process reports to operators what it hosts; one of them has a known address, and forwards calls to all.
    ADMIN_PORT: name === 'web' ? String(adminPort) : '0',
    ADMIN_TOKEN_FILE: name === 'web' ? join(dataDir, 'admin.token') : join(dataDir, 'admin', `${name}.token`),
    SHARE_PORTS: 'true',
    // No process receives a secret of another one.
    DATABASE_URL: '',
  }),
});

let stopping = false;
const stop = async () => {
  if (stopping) process.exit(1);
  stopping = true;
  await fleet.stop();
  await (await companions).stop();
  rmSync(join(dataDir, 'shop.pid'), { force: true });
  process.exit(0);
};
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
let replacing = Promise.resolve();
process.on('SIGHUP', () => {
  replacing = replacing
    .then(async () => {
      for (const name of processes) await fleet.replace(name);
      process.stdout.write('replaced every process\n');
    })
    // If a new one cannot start, the old ones continue.
    .catch((error: unknown) => say(`not every process was replaced: ${(error as Error).message}`));
});

await fleet.start().catch(async (error: unknown) => {
  await fleet.stop();
  end(error);
});
await companions;
await stocked();
writeFileSync(join(dataDir, 'shop.pid'), `${process.pid}\n`);
process.stdout.write(`ready http://127.0.0.1:${webPort}\n`);

/** Each process gets a folder with its own secrets: its key, and the addresses of its databases. The public keys are for all. */
function writeSecrets(): void {
  const platform = realPlatform();
  const publicKeys: Record<string, string[]> = {};
  for (const name of processes) {
    const { privateKey, publicKey } = generateIdentityKey(platform);
    publicKeys[name] = [publicKey];
    const own: Record<string, string | undefined> = {
      'identity-key': privateKey,
      [`${name}-database`]: databases.urls[name],
      'bus-database': databases.urls['bus'],
    };
    mkdirSync(join(secrets, name), { recursive: true, mode: 0o700 });
    for (const [secret, value] of Object.entries(own))
      if (value !== undefined) writeFileSync(join(secrets, name, secret), value, { mode: 0o600 });
  }
  writeFileSync(identitiesFile, JSON.stringify(publicKeys, undefined, 2));
  writeFileSync(graphFile, JSON.stringify(graph, undefined, 2));
}

/** The catalogue learns of the stock by events; a ready shop shows what it has. It is queried through the operators' interface, which has no limit. */
async function stocked(): Promise<void> {
  const token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  const body = JSON.stringify({ service: 'catalog', operation: 'product', input: { sku: products.at(-1)?.sku } });
  for (let looks = 0; looks < 600; looks++) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${adminPort}/call`, { method: 'POST', headers, body }).catch(() => undefined);
    const { value } = answer?.ok ? ((await answer.json()) as { value?: { available?: number } }) : {};
    if ((value?.available ?? 0) > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say('the catalogue has not heard of the stock yet: look whether events arrive');
}

/** @param text `orders=3,payments=2`: how often a process runs, where that is not once */
function replicasOf(text: string): ReadonlyMap<string, number> {
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.split('=') as [string, string?]);
  for (const [name, count = ''] of pairs)
    if (!processes.includes(name) || !/^\d{1,2}$/.test(count))
      end(new Error(`REPLICAS is '${text}': write such as orders=3,payments=2; there are ${processes.join(', ')}`));
  return new Map(pairs.map(([name, count]) => [name, Number(count)]));
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value)
    end(
      new Error(
        `${name} is not set: start the engines (npm run infra -- up postgres kafka consul), then: eval "$(npm run -s infra -- env)"`,
      ),
    );
  return value;
}

function end(error: unknown): never {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
