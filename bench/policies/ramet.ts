import { use } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, Shelf } from '../query/price.ts';

/** The package does not export a service's clients alone, and everything else would be measured with them. */
const inside = (folder: string) => import(new URL(`../../packages/ramet/src/${folder}/index.ts`, import.meta.url).href);

const start: Start = async ({ forMs }) => {
  const [{ compileUses }, { serviceCaller }, { newTrace }] = await Promise.all(['rpc', 'security', 'telemetry'].map(inside));
  const platform = realPlatform();
  const reply = { ok: true, value: undefined };
  const transport = {
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
