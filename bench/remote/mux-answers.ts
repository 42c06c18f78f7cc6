import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { service } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { mux } from 'ramet/transport/mux';
import { startRamet } from '../core/ramet.ts';
import { priceOf, Shelf } from '../query/price.ts';
import { dispatchersOf, identitiesOf, type Keys, SHOP_TLS } from './ramet.ts';
import { answersAt, answerTo } from './serve.ts';

const { variant, keys } = JSON.parse(process.argv[2] as string) as { variant: string; keys: Keys };
const platform = realPlatform();

async function hosted(): Promise<Map<string, any>> {
  if (variant !== 'service')
    return new Map([['shelf', { call: async (_: string, input: any) => ({ ok: true, value: answerTo(input) }), async *stream() {} }]]);
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bench-remote-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const shelf = service(Shelf).implement({ queries: { price: async (input) => priceOf(input) } });
  return dispatchersOf(await startRamet({ shelf }, { folder }));
}

const remote = mux(variant === 'tls' ? { tls: SHOP_TLS } : {}).create({
  platform,
  addresses: () => [],
  identities: identitiesOf(platform, 'answers', keys),
  onError: (error) => console.error(error),
});
const server = await remote.listen(await hosted(), { host: '127.0.0.1', port: 0 });
process.on('SIGTERM', () => process.exit(0));
answersAt(server.port);
