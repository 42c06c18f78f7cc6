import { readFileSync } from 'node:fs';
import { ORDER, Orders, orders } from '../command/orders.ts';
import { openLoop, percentiles, quantile } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';

const QUERIES_PER_SECOND = 500;

/** How long the event loop has stood in flushes so far, in microseconds; undefined where the slow flush does not count them. */
function stoodUs(): number | undefined {
  if (!process.env['LD_PRELOAD']) return undefined;
  return Number(readFileSync(process.env['FLUSH_COUNTS'] ?? '').readBigUInt64LE(8));
}

/** `variant` is how many commands a second commit meanwhile. */
const start: Start = async ({ folder, forMs, variant = '0' }) => {
  const runtime = await startRamet({ orders }, { folder });
  const { place, count } = runtime.client(Orders);
  let keys = 0;
  const perSecond = Number(variant);
  return {
    async round() {
      const before = stoodUs();
      const began = performance.now();
      const [tookMs] = await Promise.all([
        openLoop(() => count({ customerId: 'runtime' }), QUERIES_PER_SECOND, forMs * 2),
        openLoop(() => place(ORDER, { key: `key-${keys++}` }), perSecond, forMs * 2),
      ]);
      const after = stoodUs();
      const share = (stood: number) => stood / 10 / (performance.now() - began);
      return {
        ...percentiles(tookMs),
        'p99.9': quantile(tookMs, 0.999),
        ...(before !== undefined && after !== undefined ? { 'loop in flushes': share(after - before) } : {}),
      };
    },
    close: () => runtime.stop(),
  };
};
export default start;
