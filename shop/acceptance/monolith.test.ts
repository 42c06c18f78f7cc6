import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { operator } from '../harness/operator.ts';
import { startShop } from '../harness/shop-process.ts';
import { acceptance } from './acceptance.ts';
import type { Shop, StartOptions } from './suite.ts';

/** The shop as one process, with its outside systems beside it. */
async function startMonolith(options: StartOptions = {}): Promise<Shop> {
  const shop = await startShop(options);
  return {
    url: shop.url,
    providerUrl: shop.providerUrl,
    mailUrl: shop.mailUrl,
    dataDir: shop.dataDir,
    get output() {
      return shop.stdout + shop.stderr;
    },
    operator: (command, ...subject) => operator(shop, command, ...subject),
    signingKey: async () => JSON.parse(await readFile(join(shop.dataDir, 'users.key'), 'utf8')),
    [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose](),
  };
}

acceptance(startMonolith);
