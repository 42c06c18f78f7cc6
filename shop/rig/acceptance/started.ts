import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '../fleet/fleet.ts';
import { operator } from '../harness/operator.ts';
import type { ShopProcess } from '../harness/shop-process.ts';
import type { Shop } from './suite.ts';

/** A started shop as the suite knows it. @param end what ends with it */
export function asShop(shop: ShopProcess, end: () => Promise<void> = async () => {}): Shop {
  return {
    url: shop.url,
    providerUrl: shop.providerUrl,
    mailUrl: shop.mailUrl,
    dataDir: shop.dataDir,
    get output() {
      return shop.stdout + shop.stderr;
    },
    metrics: async () => (await Promise.all((await monitored(shop)).map(figures))).join('\n'),
    admin: (method, path, body) => askAdmin(shop, method, path, body),
    operator: (command, ...subject) => operator(shop, command, ...subject),
    signingKey: async () => JSON.parse(await readFile(join(shop.dataDir, 'users.key'), 'utf8')),
    async [Symbol.asyncDispose]() {
      await shop[Symbol.asyncDispose]();
      await end();
    },
  };
}

async function askAdmin({ ports, dataDir }: ShopProcess, method: string, path: string, body: unknown) {
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim();
  const response = await fetch(`http://127.0.0.1:${ports.admin}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

/** Where the processes of a shop tell their figures. */
async function monitored(shop: ShopProcess): Promise<string[]> {
  const text = await readFile(join(shop.dataDir, 'processes.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return [shop.url];
  return (JSON.parse(text) as Instance[]).map(({ ports }) => `http://127.0.0.1:${ports.probesPort}`);
}

const figures = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text();
