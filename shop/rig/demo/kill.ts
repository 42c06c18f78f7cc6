import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bodyOf, CARDS, eventually, ShopClient } from '../harness/client.ts';
import { startShop } from '../harness/shop-process.ts';

/*
 * `npm run demo:kill`: kills the shop between a charge at the payment provider and its answer, starts it again, and shows what
 * became of the order. Uses its own ports and a temporary folder. Ends with 1 when the order was lost or charged twice.
 */
const SKU = 'BOK-0001';
const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

const say = (text = '') => void process.stdout.write(`${text}\n`);
const step = (text: string) => say(`\n> ${text}`);
const euros = (cents: number) => `${(cents / 100).toFixed(2)} euros`;
const seconds = (sinceMono: number) => `${((performance.now() - sinceMono) / 1000).toFixed(1)} s`;

// The shop is a process group of its own: it ends when this process exits, but not with its signals.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

step('Start the shop: eleven services and two gateways in one process, each service with its own SQLite file.');
let startedMono = performance.now();
await using shop = await startShop();
say(`  Process ${shop.pid} is ready after ${seconds(startedMono)}. The payment provider is another process.`);

const client = new ShopClient(shop);
const ada = await client.customer();
const product = await client.product(SKU);
step(`Ada orders "${product.name}" twice. The provider charges the card at once, and answers 5 s later.`);
const { orderId } = bodyOf(await ada.place({ lines: [{ sku: SKU, quantity: 2 }], card: { number: CARDS.answersLate } }), 202);
say(`  The shop answers 202: order ${orderId} is accepted.`);

const [charge] = await eventually(
  () => client.charges(orderId),
  (charges) => charges.length > 0,
);
say(`  The provider's books: ${euros(charge?.amount ?? 0)} charged for this order.`);
const { status } = bodyOf(await ada.order(orderId));
say(`  The shop's books: the order is ${status}. It has sent the charge and has no answer.`);

step(`kill -9 ${shop.pid}`);
await shop.kill();
say('  The process is gone, with everything that it had in memory.');

step('Start the shop again.');
startedMono = performance.now();
shop.launch();
await shop.ready();
say(`  Process ${shop.pid} is ready after ${seconds(startedMono)}, and resumes the saga of the order.`);
say('  Before it would charge again, it looks the charge up at the provider.');
const order = await ada.settled(orderId);
say(`  The order is ${order.status}, ${seconds(startedMono)} after the start.`);

step('Look into the books.');
const charges = await client.charges(orderId);
const mails = await eventually(
  () => ada.mails(),
  (all) => all.length > 0,
);
say(
  `  Charges at the provider: ${charges.length}, ${euros(charges.reduce((sum, { amount }) => sum + amount, 0))}; the total of the order: ${euros(order.total)}.`,
);
say(`  Mails to Ada: ${mails.map(({ subject }) => `"${subject.replace(orderId, '…')}"`).join(', ')}.`);
step('npx ramet saga show');
const saga = await ramet('saga', 'show', await sagaOf(orderId));
say(
  saga
    .slice(saga.indexOf('STEP'))
    .trimEnd()
    .replace(/^(?=.)/gm, '  '),
);

const right = order.status === 'confirmed' && charges.length === 1 && charges[0]?.amount === order.total;
say(`\n${right ? 'One order, one charge: nothing was lost, and nothing happened twice.' : 'WRONG: see above.'}`);
client.close();
process.exitCode = right ? 0 : 1;

async function sagaOf(key: string): Promise<string> {
  const list = await ramet('saga', 'list');
  const line = list.split('\n').find((row) => row.includes(key)) ?? '';
  return line.split(/\s+/)[0] as string;
}

async function ramet(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['-C', 'ramet-source', 'packages/cli/bin/ramet.js', ...args], {
    cwd: root,
    env: shop.environment,
  });
  return stdout;
}
