import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { environment, files, firstOf } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { type Graph, run } from 'ramet/runtime';
import { exitWithParent, portFromEnv } from './child-process.ts';
import { seed } from './seed.ts';
import { stopAt } from './stop-at.ts';
import topology, { dataDir } from './topology.ts';
import { unreachable } from './unreachable.ts';

/*
 * One process of the profile `services`: `PROCESS=orders node shop/process.ts`. What it needs from outside is in its
 * environment, and its secrets are files below SECRETS_DIR, as an orchestrator mounts them.
 */
enableCompileCache();
exitWithParent();

const name = process.env.PROCESS ?? '';
const secrets = firstOf(files(process.env.SECRETS_DIR || 'secrets'), environment());
const read = <T>(variable: string) => JSON.parse(readFileSync(process.env[variable] ?? '', 'utf8')) as T;
const transport = unreachable(process.env.SHOP_UNREACHABLE);
const onPoint = stopAt(process.env.SHOP_STOP_AT);
const gateway = name === 'web' || name === 'mobile';

const runtime = await run(topology, {
  profile: 'services',
  process: name,
  name: `shop-${name}`,
  version: '0.1.0',
  env: process.env.NODE_ENV || 'development',
  ...(transport ? { transport } : {}),
  platform: realPlatform(onPoint ? { onPoint } : {}),
  logLevel: process.env.LOG_LEVEL || 'warn',
  ...(gateway ? { ports: { [name]: portFromEnv('PORT', 0) } } : {}),
  ...(name === 'web' ? { admin: { port: portFromEnv('ADMIN_PORT', 3001), tokenFile: join(dataDir, 'admin.token') } } : {}),
  ...(process.env.ALERT_WEBHOOK ? { alertWebhook: process.env.ALERT_WEBHOOK } : {}),
  graph: read<Graph>('GRAPH_FILE'),
  identity: { privateKey: secrets.get('identity-key'), publicKeys: read<Record<string, string[]>>('IDENTITIES_FILE') },
});
await seed(runtime);
// Whoever started this process learns where it answers.
process.send?.({
  ready: true,
  port: runtime.ports[name],
  rpcPort: runtime.rpcPort,
  probesPort: runtime.probesPort,
  adminPort: runtime.adminPort,
});
