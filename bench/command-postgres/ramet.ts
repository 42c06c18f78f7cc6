import { postgres, provision } from 'ramet/store/postgres';
import { ORDER, Orders, orders } from '../command/orders.ts';
import { closedLoop, cpuMeter, percentiles } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';

const start: Start = async ({ folder, server, forMs }) => {
  const { urls } = await provision(server as string, { services: ['orders'], prefix: `cmd${process.pid}_` });
  const store = postgres((service) => urls[service] as string, { connections: 16 });
  const runtime = await startRamet({ orders }, { folder, store });
  const { place } = runtime.client(Orders);
  let keys = 0;
  const work = () => place(ORDER, { key: `key-${keys++}` });
  return {
    async round() {
      const cpu = cpuMeter();
      const together = await closedLoop(work, 16, forMs);
      const cpuEach = cpu() / together.tookMs.length;
      const alone = await closedLoop(work, 1, forMs);
      return { '16 at once': together.perSecond, 'CPU each, 16 at once': cpuEach, ...percentiles(alone.tookMs, 'alone, ') };
    },
    close: () => runtime.stop(),
  };
};
export default start;
