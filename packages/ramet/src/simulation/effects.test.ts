import { expect, test } from 'vitest';
import { coins, Jar, putOnce } from './fixtures/coins.fixture.ts';
import type { RunResult, Simulated } from './index.ts';
import { prepare } from './prepare.ts';
import { type RunOptions, runSeed } from './run.ts';

interface Put {
  readonly at: number;
  readonly tookMs: number;
  readonly outcome: string;
}

/** Puts a coin five times a second for a while; answers what the client and the handler saw, and the trace. */
async function putting(options: RunOptions & { during?: (sim: Simulated) => void }) {
  const puts: Put[] = [];
  const clocks: { simulated: number; wall: number }[] = [];
  let now = () => 0;
  const simulation = coins({
    put(coin, db, wall) {
      clocks.push({ simulated: now(), wall: wall().getTime() });
      return putOnce(coin, db);
    },
  });
  const { during, ...run } = options;
  const prepared = await prepare({
    ...simulation,
    async scenario(sim) {
      now = () => sim.now();
      const client = sim.client(Jar, undefined, { retries: 0, breaker: false });
      for (let n = 0; n < 40; n++) {
        const at = sim.now();
        const put = (outcome: string) => puts.push({ at, tookMs: sim.now() - at, outcome });
        void client.put({ coin: `c${n}`, worth: 1 }).then(
          () => put('ok'),
          (error: { code: string }) => put(error.code),
        );
        await sim.sleep(200);
        if (n === 10) during?.(sim);
      }
      await sim.sleep('12s');
      // A run that keeps every promise has no trace.
      sim.violated('trace', 'is requested');
    },
  });
  const result: RunResult = await runSeed(prepared, 'seed', { deployment: 'services', ...run });
  prepared.dispose();
  expect(result.violations).toEqual([{ id: 'trace', detail: 'is requested' }]);
  return { puts, clocks, result, trace: result.trace.join('\n') };
}
const only = (...ids: readonly string[]) => ({ only: new Set(ids) });

test('without a fault every request is answered at once', async () => {
  const { puts, clocks } = await putting(only());
  expect(puts).toHaveLength(40);
  for (const { tookMs, outcome } of puts) expect([tookMs < 25, outcome]).toEqual([true, 'ok']);
  for (const { simulated, wall } of clocks) expect(Math.abs(wall - Date.UTC(2026, 0, 5, 8) - simulated)).toBeLessThan(1);
});

test('disk-full: what would grow the store fails, and works again when there is room', async () => {
  const { puts, result } = await putting(only('disk-full@jar#2'));
  expect(result.fired.map(({ id }) => id)).toEqual(['disk-full@jar#2']);
  const failed = puts.filter(({ outcome }) => outcome !== 'ok');
  expect(failed.length).toBeGreaterThan(0);
  expect(new Set(failed.map(({ outcome }) => outcome))).toEqual(new Set(['StoreUnavailable']));
  expect(puts.find(({ at }) => at > Math.max(...failed.map(({ at }) => at)))?.outcome).toBe('ok');
});

test('skew and jump: the wall clock of one process is wrong, until the trouble is over', async () => {
  const offsOf = async (id: string) => {
    const { clocks } = await putting(only(id));
    return [...new Set(clocks.map(({ simulated, wall }) => Math.round((wall - Date.UTC(2026, 0, 5, 8) - simulated) / 10) * 10))];
  };
  const skewed = await offsOf('skew@jar#1');
  expect(skewed).toHaveLength(1);
  expect(Math.abs(skewed[0] as number)).toBeGreaterThan(100);
  const [before, after, ...more] = await offsOf('jump@jar#3');
  expect([Math.abs(before as number), more]).toEqual([0, []]);
  expect(Math.abs(after as number)).toBeGreaterThanOrEqual(1_000);
});

test('pause: nothing is answered for a while, and then all of it', async () => {
  const { puts } = await putting(only('pause@jar#2'));
  expect(Math.max(...puts.map(({ tookMs }) => tookMs))).toBeGreaterThan(19);
  expect(puts.filter(({ tookMs, outcome }) => tookMs > 19 && outcome === 'ok').length).toBeGreaterThan(0);
});

test('zombie: a process sleeps, another one takes its place, and the first is ended when it is found', async () => {
  const { trace } = await putting(only('zombie@tally.consumer.claimed#5'));
  const at = (what: string) =>
    Number(
      trace
        .split('\n')
        .find((line) => line.endsWith(what))
        ?.split(' ')[0],
    );
  expect(at(' tally/2 start') - at(' FAULT zombie@tally.consumer.claimed#5')).toBeLessThan(1);
  expect(at(' tally/1 wakes at consumer.claimed') - at(' tally/2 start')).toBeGreaterThan(199);
  expect(at(' tally/1 ends: was a zombie') - at(' tally/1 wakes at consumer.claimed')).toBeGreaterThan(7_000);
});

test('kill: a process ends at a point, its client is notified, and it is started again', async () => {
  const { trace, puts } = await putting(only('kill@jar.sqlite.commit#7'));
  expect(trace).toMatch(/jar\/1 ends: killed at sqlite.commit\n.* jar\/2 start/s);
  expect(puts[6]?.outcome).toBe('Unavailable');
  expect(puts.at(-1)?.outcome).toBe('ok');
});

test('partition: two processes do not reach each other for a while', async () => {
  const { trace } = await putting(only('partition@jar#2'));
  expect(trace).toMatch(/broken before tally>jar\.jar outbox/);
});

test('a process that the scenario kills is down for as long as it says', async () => {
  const { puts } = await putting({ ...only(), during: (sim) => sim.kill('jar', '1s') });
  const failed = puts.filter(({ outcome }) => outcome !== 'ok');
  expect(failed.map(({ at }) => Math.round(at))).toEqual([2_200, 2_400, 2_600, 2_800, 3_000]);
});
