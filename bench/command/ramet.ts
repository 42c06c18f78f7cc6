import { flushes, flushesEach } from '../core/flushes.ts';
import { closedLoop, cpuMeter, percentiles } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';
import { ORDER, Orders, orders } from './orders.ts';

const start: Start = async ({ folder, forMs }) => {
  const runtime = await startRamet({ orders }, { folder });
  const { place } = runtime.client(Orders);
  let keys = 0;
  const work = () => place(ORDER, { key: `key-${keys++}` });
  return {
    async round() {
      const cpu = cpuMeter();
      const together = await closedLoop(work, 64, forMs);
      const cpuEach = cpu() / together.tookMs.length;
      const before = flushes();
      const alone = await closedLoop(work, 1, forMs);
      const each = flushesEach(before, alone.tookMs.length);
      return {
        '64 at once': together.perSecond,
        'CPU each, 64 at once': cpuEach,
        'alone, throughput': alone.perSecond,
        ...percentiles(alone.tookMs, 'alone, '),
        ...each,
      };
    },
    close: () => runtime.stop(),
  };
};
export default start;
