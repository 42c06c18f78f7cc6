/** An event that a reaction cannot handle becomes a dead letter and holds up only its own key, until an operator replays it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, contract, event, PermanentError, service } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const Price = z.object({ sku: z.string(), cents: z.int() });
const Catalog = contract('catalog', {
  commands: { setPrice: command({ input: Price }) },
  events: { PriceSet: event(Price, { key: 'sku' }) },
});

let mistake = true;
const handled = new Map<string, () => void>();
const labelled = (sku: string) => new Promise<void>((resolve) => handled.set(sku, resolve));

const catalog = service(Catalog).implement({ commands: { setPrice: (price, { emit }) => emit.PriceSet(price) } });
const labels = service(contract('labels', {})).implement({
  reactions: (on) => [
    on(Catalog.events.PriceSet, ({ sku, cents }) => {
      if (cents === 0 && mistake) throw new PermanentError('a price of zero has no label');
      console.log(`label for ${sku}: ${cents} cents`);
      handled.get(sku)?.();
    }),
  ],
});

const folder = process.env.DATA_DIR ?? '.data';
const runtime = await start(
  topology({ services: { catalog, labels }, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }),
  { logLevel: 'silent', admin: { port: 0, tokenFile: join(folder, 'admin.token') } },
);
/** What `npx ramet dead-letters` does. */
const operator = async (method: string, path: string) => {
  const authorization = `Bearer ${readFileSync(join(folder, 'admin.token'), 'utf8').trim()}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${runtime.adminPort}${path}`, {
    method,
    headers,
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  return (await answer.json()) as { items: { id: string; key: string; error: { message: string } }[] };
};

const tea = labelled('tea');
await runtime.client(Catalog).setPrice({ sku: 'gift', cents: 0 });
await runtime.client(Catalog).setPrice({ sku: 'tea', cents: 450 });
await tea; // another key is not held up

let [letter] = (await operator('GET', '/dead-letters')).items;
while (!letter) [letter] = (await operator('GET', '/dead-letters')).items;
console.log(`dead letter of '${letter.key}'`);

mistake = false; // the repaired code is deployed
const gift = labelled('gift');
await operator('POST', `/dead-letters/${letter.id}/replay`);
await gift;
await runtime.stop();
