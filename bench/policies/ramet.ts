import { use } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { compileUses, type Reply, type TransportRoutes } from '../../packages/ramet/src/rpc/index.ts';
import { serviceCaller } from '../../packages/ramet/src/security/index.ts';
import { newTrace } from '../../packages/ramet/src/telemetry/index.ts';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, Shelf } from '../query/price.ts';

const start: Start = async ({ forMs }) => {
  const platform = realPlatform();
  const reply: Reply = { ok: true, value: undefined };
  const transport: TransportRoutes = {
    call: async () => reply,
    async *stream() {
      yield reply;
    },
  };
  const { uses } = compileUses(platform, transport, 'the benchmark', { shelf: use(Shelf) });
  const { shelf } = uses.all({
    meta: { caller: serviceCaller('bench'), trace: newTrace(platform), depth: 0 },
    remainingMs: () => Number.POSITIVE_INFINITY,
    signal: undefined,
  }) as { shelf: { price(input: object): Promise<unknown> } };
  return { round: () => perCall(() => shelf.price(ASKED), forMs), close: async () => {} };
};
export default start;
