import { ORDER, Orders, orders } from '../command/orders.ts';
import { flushes } from '../core/flushes.ts';
import { openLoop, percentiles, quantile } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';

const QUERIES_PER_SECOND = 500;

/** `variant` is how many commands a second commit meanwhile. */
const start: Start = async ({ folder, forMs, variant = '0' }) => {
  const runtime = await startRamet({ orders }, { folder });
  const { place, count } = runtime.client(Orders);
  let keys = 0;
  const perSecond = Number(variant);
  return {
    async round() {
      const before = flushes();
      const began = performance.now();
      const [tookMs] = await Promise.all([
        openLoop(() => count({ customerId: 'runtime' }), QUERIES_PER_SECOND, forMs * 2),
        openLoop(() => place(ORDER, { key: `key-${keys++}` }), perSecond, forMs * 2),
      ]);
      const after = flushes();
      const share = (stood: number) => stood / 10 / (performance.now() - began);
      return {
        ...percentiles(tookMs),
        'p99.9': quantile(tookMs, 0.999),
        ...(before && after ? { 'loop in flushes': share(after.loopUs - before.loopUs) } : {}),
      };
    },
    close: () => runtime.stop(),
  };
};
export default start;
