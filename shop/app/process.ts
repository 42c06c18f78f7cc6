import { enableCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';
import { realPlatform } from 'ramet/platform';
import { run } from 'ramet/runtime';
import { optionsOf } from 'ramet/serve';
import { exitWithParent } from '../rig/child-process.ts';
import { stopAt } from '../rig/stop-at.ts';
import { unreachable } from '../rig/unreachable.ts';
import { seed } from './seed.ts';
import topology from './topology.ts';

/*
 * One process of the profile `services`, from its sources: `PROCESS=orders node shop/app/process.ts`. What it needs from outside is
 * in its environment, as it is for one that was built (docs/deploying.md), and its secrets are files below SECRETS_DIR.
 */
enableCompileCache();
exitWithParent();

const name = process.env.PROCESS ?? '';
const transport = unreachable(process.env.SHOP_UNREACHABLE);
const onPoint = stopAt(process.env.SHOP_STOP_AT);

const runtime = await run(topology, {
  ...optionsOf(
    {
      profile: 'services',
      process: name,
      version: '0.1.0',
      gateways: Object.keys(topology.gateways).filter((gateway) => gateway === name),
      graph: pathToFileURL('graph.json'),
    },
    process.env,
  ),
  name: `shop-${name}`,
  ...(transport ? { transport } : {}),
  platform: realPlatform(onPoint ? { onPoint } : {}),
});
await seed(runtime);
// Reports the addresses of this process to its parent.
process.send?.({
  ready: true,
  port: runtime.ports[name],
  rpcPort: runtime.rpcPort,
  probesPort: runtime.probesPort,
  adminPort: runtime.adminPort,
});
