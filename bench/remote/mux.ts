import { use } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { mux } from 'ramet/transport/mux';
import type { Start } from '../core/row.ts';
import { Shelf } from '../query/price.ts';
import { compileUses, identitiesOf, NEVER, newKeys, newTrace, SHOP_TLS, security } from './ramet.ts';
import { ASKED, answering, calling } from './serve.ts';

const start: Start = async ({ forMs, variant = 'plain' }) => {
  const platform = realPlatform();
  const keys = newKeys(platform);
  const server = await answering(new URL('./mux-answers.ts', import.meta.url), JSON.stringify({ variant, keys }));
  const addresses = [{ id: 'shelf-1', host: '127.0.0.1', port: server.port }];
  const remote = mux(variant === 'tls' ? { tls: SHOP_TLS } : {}).create({
    platform,
    addresses: () => addresses,
    identities: identitiesOf(platform, 'calls', keys),
    onError: (error) => console.error(error),
  });
  const transport = remote.from('caller');
  const origin = () => ({
    meta: { caller: security.serviceCaller('caller'), trace: newTrace(platform), depth: 0 },
    remainingMs: () => Number.POSITIVE_INFINITY,
    signal: undefined,
  });
  const target = { service: 'shelf', operation: 'price' };
  const { meta } = origin();
  const raw = () => transport.call(target, ASKED, { ...meta, timeoutMs: 5_000 }, NEVER);
  const { uses } = compileUses(platform, transport, 'caller', { shelf: use(Shelf, { bulkhead: 100 }) });
  const { shelf } = uses.all(origin()) as { shelf: { price(input: object): Promise<unknown> } };
  const call = variant === 'service' ? () => shelf.price(ASKED) : raw;
  return calling(call, forMs, async () => {
    await remote.close();
    await server.stop();
  });
};
export default start;
