import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newHistory } from './history.ts';
import { planDeaths } from './kill-plan.ts';
import { Lives } from './lives.ts';
import type { TortureOptions } from './options.ts';
import { randomOf } from './random.ts';
import { subscriptions } from './subscriptions.ts';
import { isFinished, type Unfinished } from './unfinished.ts';
import type { Evidence } from './verdict/check.ts';
import { Workload } from './workload.ts';

/** From the last restart on; issue 2 promises it of every order. */
const SETTLE_MS = 120_000;
const LOOK_MS = 250;
/** How long the shop bears the full load before it is stopped. */
const LOADED_MS = 1_500;

/**
 * Runs one shop through all its lives under load, and gathers what is left of it.
 * @param folder gets the shop's data and its logs
 * @param tell is called with lines for people about the progress
 */
export async function run(options: TortureOptions, folder: string, tell: (line: string) => void): Promise<Evidence> {
  const random = randomOf(options.seed);
  const deaths = planDeaths(options, random.fork('deaths'));
  await using lives = new Lives(folder, await subscriptions(), tell);
  const { ports } = await lives.begin(deaths[0]);
  const history = newHistory();
  const { clients, customers } = options;
  const counter = { port: ports.admin, tokenFile: join(folder, 'data', 'admin.token') };
  using workload = new Workload({ port: ports.web, clients, customers, random: random.fork('workload'), history, counter });
  workload.start();
  for (const [index, death] of deaths.entries()) {
    if (index > 0) await lives.begin(death);
    // What takes long to settle is placed early, so that the end need not wait for it.
    if (index === Math.ceil(deaths.length / 3)) workload.slowCards = false;
    await lives.kill(death);
  }
  if (deaths.length > 0) await lives.begin();
  await lives.ready();
  await sleep(LOADED_MS);
  if (options.sigterm) {
    await lives.terminate();
    await lives.begin();
    await lives.ready();
  }
  const settling = await settle(lives, workload);
  await workload.view();
  await lives.terminate();
  return { ...lives.evidence(), history, settling };
}

/** What is to come to rest: since when it is left in peace, and what it still has to do. */
export interface Settling {
  readonly startedMono: number;
  look(): Unfinished | Promise<Unfinished>;
}

/** Lets everything that was begun come to its end. */
export async function settle(shop: Settling, workload: Workload): Promise<Evidence['settling']> {
  const { startedMono } = shop;
  await workload.finish(Math.max(0, startedMono + SETTLE_MS - performance.now()));
  for (;;) {
    const state = await shop.look();
    const ms = performance.now() - startedMono;
    if (isFinished(state)) return { ms, left: undefined };
    if (ms > SETTLE_MS) return { ms, left: state };
    await sleep(LOOK_MS);
  }
}
