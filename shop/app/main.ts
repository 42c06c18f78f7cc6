import { rmSync, writeFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { realPlatform } from 'ramet/platform';
import { run } from 'ramet/runtime';
import { startCompanions } from '../rig/companions.ts';
import { stopAt } from '../rig/stop-at.ts';
import { unreachable } from '../rig/unreachable.ts';
import { provisioned } from './provisioned.ts';
import { seed } from './seed.ts';
import { freshStorefront } from './storefront/fresh.ts';
import topology, { dataDir } from './topology.ts';

enableCompileCache();

/** A number from the environment; says what is wrong with it and ends the process otherwise. */
function port(name: string, otherwise: number): number {
  const text = process.env[name] || String(otherwise);
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    process.stderr.write(`${name} is '${text}', which is not a port: set it to a number from 0 to 65535\n`);
    process.exit(1);
  }
  return number;
}

const webPort = port('PORT', 3000);
const adminPort = port('ADMIN_PORT', 3001);
const mobilePort = port('MOBILE_PORT', process.env.PORT ? 0 : 3002);
const companions = startCompanions((name, code) => {
  process.stderr.write(`${name} has ended with code ${code}; the shop ends with it\n`);
  process.kill(process.pid, 'SIGTERM');
}).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
});
// The first start, and the first after a change of its sources, builds the storefront; the gateway reads what is there.
await freshStorefront().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
});
// On a PostgreSQL that the operator gave: each service gets its own role there.
if (process.env.PROFILE === 'postgres') await provisioned();
/** Lets the program that started the shop in the background stop this process and no other. */
const pidFile = join(dataDir, 'shop.pid');
let serving = false;
const transport = unreachable(process.env.SHOP_UNREACHABLE);
const onPoint = stopAt(process.env.SHOP_STOP_AT);
const runtime = await run(
  topology,
  {
    ...(process.env.PROFILE ? { profile: process.env.PROFILE } : {}),
    name: 'shop',
    version: '0.1.0',
    env: process.env.NODE_ENV || 'development',
    ...(transport ? { transport } : {}),
    platform: realPlatform(onPoint ? { onPoint } : {}),
    logLevel: process.env.LOG_LEVEL || 'warn',
    ports: { web: webPort, mobile: mobilePort },
    admin: { port: adminPort, tokenFile: join(dataDir, 'admin.token') },
    ...(process.env.ALERT_WEBHOOK ? { alertWebhook: process.env.ALERT_WEBHOOK } : {}),
  },
  async () => {
    if (serving) rmSync(pidFile, { force: true });
    await (await companions).stop();
  },
);
await Promise.all([seed(runtime), companions]);
writeFileSync(pidFile, `${process.pid}\n`);
serving = true;
process.stdout.write(`ready http://127.0.0.1:${runtime.ports['web']}\n`);
