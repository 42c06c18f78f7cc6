import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Start } from '../core/row.ts';
import { startRestate } from '../saga/restate-server.ts';
import { residentMb } from './memory.ts';

const IDLE_MS = 4_000;

const start: Start = async ({ folder }) => ({
  async round() {
    const data = await mkdtemp(join(folder, 'restate-'));
    const timed = async () => {
      const began = performance.now();
      const server = await startRestate(data);
      return { server, seconds: (performance.now() - began) / 1_000 };
    };
    const first = await timed();
    await first.server.stop();
    const next = await timed();
    await sleep(IDLE_MS);
    const memory = residentMb(next.server.child.pid as number);
    await next.server.stop();
    await rm(data, { recursive: true, force: true, maxRetries: 5 });
    return { 'first start': first.seconds, 'next start': next.seconds, memory };
  },
  close: async () => {},
});
export default start;
