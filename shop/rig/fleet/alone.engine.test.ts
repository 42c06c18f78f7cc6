import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ArtefactInfo, deploymentOf, linkPackages, readConfig, writeArtefact } from '@ramet/deploy';
import { expect, onTestFinished, test } from 'vitest';
import { bodyOf, CARDS, eventually, NoAnswer, type Product, ShopClient } from '../harness/client.ts';
import { takeCorner } from '../harness/engines.ts';
import { launchShop, type ShopProcess } from '../harness/shop-process.ts';

const engines = { postgres: process.env.RAMET_TEST_POSTGRES ?? '', consul: process.env.RAMET_TEST_CONSUL ?? '' };
/** Few: this is about what an upgrade breaks, not about how much a machine can do. */
const CLIENTS = 2;
const PAUSE_MS = 400;
/** The state of an order that a busy machine has not finished in time. */
const TOO_LATE = 'the order could not be completed in time';
const START_MS = 240_000;
const contract = 'shop/app/services/orders/contract.ts';

/** What the next version of the contract adds: a field of an input, of an output, and of events. */
const ADDED = [
  ['shipTo: Address.optional(),', 'shipTo: Address.optional(), gift: z.boolean().default(false),'],
  ['placedAt: z.string(),', "placedAt: z.string(), currency: z.string().default('EUR'),"],
  ['lines: z.array(SoldLine), total: z.int() });', "lines: z.array(SoldLine), total: z.int(), channel: z.string().default('web') });"],
] as const;

test('orders is upgraded alone and goes back, under load, while all others stay as they are', { timeout: 580_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-alone-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const old = join(folder, 'old');
  const fresh = join(folder, 'fresh');
  await build(old);
  cpSync(old, fresh, { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(fresh, contract), ADDED.reduce(added, readFileSync(join(fresh, contract), 'utf8')));
  expect(existsSync(join(old, 'shop/app/services/payments/contract.ts'))).toBe(true);
  for (const foreign of [
    'shop/app/services/payments/service.ts',
    'shop/app/services/catalog/data',
    'shop/app/gateways',
    'shop/app/process.ts',
  ])
    expect(existsSync(join(old, foreign)), foreign).toBe(false);

  const corner = await takeCorner(engines);
  const shop = await launchShop({ program: 'shop/rig/fleet/main.ts', env: { ...corner.env, REPLICAS: 'orders=0' } });
  const instances: ChildProcess[] = [];
  const replaceBy = async (artefact: string) => {
    const before = instances.at(-1);
    instances.push(await begin(artefact, shop));
    if (before) expect(await ended(before)).toBe(0);
  };
  try {
    await shop.ready(START_MS);
    await replaceBy(old);
    const client = new ShopClient(shop);
    const products = bodyOf(await client.search({ limit: 100 })).items.filter(({ available }: Product) => available > 100);
    const customers = await Promise.all(Array.from({ length: CLIENTS }, () => client.customer()));
    type Customer = (typeof customers)[number];
    const failed: string[] = [];
    const placed: { customer: Customer; orderId: string }[] = [];
    let over = false;
    let requests = 0;
    const asked = async <T>(what: string, request: Promise<T & { status: number; text: string }>): Promise<T | undefined> => {
      requests++;
      const answer = await request.catch((error: unknown) => error as NoAnswer);
      if (!(answer instanceof NoAnswer) && answer.status < 400) return answer;
      failed.push(`${what}: ${answer instanceof NoAnswer ? answer.message : `${answer.status} ${answer.text}`}`);
      return undefined;
    };
    const order = (n: number) => ({
      lines: [{ sku: (products[n % products.length] as Product).sku, quantity: 1 }],
      card: { number: CARDS.pays },
    });
    const load = async (customer: Customer, i: number) => {
      for (let n = i; !over; n++) {
        const answer = await asked('order', customer.place(order(n), randomUUID()));
        if (answer) placed.push({ customer, orderId: bodyOf(answer, 202).orderId });
        await asked('list', client.request('GET', '/api/orders', { token: customer.token }));
        await sleep(PAUSE_MS);
      }
    };
    const loads = Promise.all(customers.map(load));
    const [customer] = customers as [Customer];
    const key = randomUUID();
    const { orderId } = bodyOf(await customer.place(order(0), key), 202);
    const currency = async () => {
      const answer = await client.request('GET', '/api/orders', { token: customer.token });
      return (answer.body as { items: { currency?: string }[] }).items[0]?.currency;
    };
    expect(await currency()).toBeUndefined();

    for (const [artefact, says] of [
      [fresh, 'EUR'],
      [old, undefined],
    ] as const) {
      await replaceBy(artefact);
      await sleep(2_000);
      expect(await currency()).toBe(says);
      // The same request is the same request in every version.
      expect(bodyOf(await customer.place(order(0), key), 202).orderId).toBe(orderId);
    }
    over = true;
    await loads;
    expect(failed).toEqual([]);
    expect(placed.length).toBeGreaterThan(10);
    const late: string[] = [];
    const wrong: string[] = [];
    for (const { customer: who, orderId: id } of placed) {
      const { status, reason, history } = await eventually(
        async () => bodyOf(await who.order(id)),
        (order) => order.status !== 'pending',
        90_000,
      );
      if (status === 'confirmed') continue;
      (reason === TOO_LATE ? late : wrong).push(`${id} ${reason}: ${history.map(({ what }) => what).join(', ')}`);
    }
    expect(wrong).toEqual([]);
    expect(late.length).toBeLessThan(placed.length / 2);
    process.stderr.write(`${requests} requests over two replacements, none failed; ${placed.length} orders, ${late.length} not in time\n`);
    client.close();
  } finally {
    for (const instance of instances) instance.kill('SIGKILL');
    await shop[Symbol.asyncDispose]();
    await corner[Symbol.asyncDispose]();
  }
});

async function build(out: string): Promise<void> {
  const deployment = await deploymentOf({
    topologyFile: join(import.meta.dirname, '../../app/topology.ts'),
    profile: 'services',
    config: readConfig(undefined),
    // As it will run: the profile imports the bus that its environment names.
    env: { BUS: 'postgres', BUS_DATABASE: 'postgres://absent@nowhere.invalid/none', CONSUL_URL: 'http://consul:8500' },
    conditions: ['ramet-source'],
    only: ['orders'],
  });
  const [orders] = deployment.processes;
  if (!orders) throw new Error('there is no process orders');
  const { profile, graph, contracts, version } = deployment;
  writeArtefact({ trace: orders.trace, profile, process: 'orders', graph, contracts, version, out });
  linkPackages(orders.trace, out);
}

function added(text: string, [before, after]: readonly [string, string]): string {
  expect(text).toContain(before);
  return text.replace(before, after);
}

/** Starts an artefact as the fleet starts its processes, and waits until it is ready. */
function begin(artefact: string, shop: ShopProcess): Promise<ChildProcess> {
  const { start } = JSON.parse(readFileSync(join(artefact, 'artefact.json'), 'utf8')) as ArtefactInfo;
  const child = spawn(process.execPath, start.slice(1), {
    cwd: artefact,
    env: {
      ...shop.environment,
      SECRETS_DIR: join(shop.dataDir, 'secrets/orders'),
      GRAPH_FILE: join(shop.dataDir, 'graph.json'),
      IDENTITIES_FILE: join(shop.dataDir, 'identities.json'),
      LOG_LEVEL: 'warn',
      // Those of others.
      ADMIN_PORT: '',
      DATABASE_URL: '',
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`${artefact} ended with ${code} before it was ready`)));
  });
}

async function ended(child: ChildProcess): Promise<number | null> {
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return code;
}
