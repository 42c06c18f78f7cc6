import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bodyOf, CARDS, type Product, ShopClient } from '../harness/client.ts';
import { startShop } from '../harness/shop-process.ts';

const CONNECTIONS = 10_000;
const AT_ONCE = 50;

test('the shop is alive after 10,000 hostile connections, and no order came of what stood behind a refused request', {
  timeout: 180_000,
}, async () => {
  await using shop = await startShop();
  const client = new ShopClient(shop);
  const [victim, other] = [await client.customer(), await client.customer()];
  const [product] = bodyOf(await client.search({ limit: 1 })).items as [Product];
  const order = { lines: [{ sku: product.sku, quantity: 1 }], card: { number: CARDS.pays } };
  const text = JSON.stringify(order);
  const head = (...headers: string[]) =>
    ['POST /api/orders HTTP/1.1', `authorization: Bearer ${victim.token}`, 'content-type: application/json', ...headers, '', ''].join(
      '\r\n',
    );
  const hidden = () => `${head('host: a', `idempotency-key: ${randomUUID()}`, `content-length: ${text.length}`)}${text}`;
  const attacks: readonly (() => string)[] = [
    () => 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
    () => `CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n${hidden()}`,
    () => `${head('host: a', 'host: b', 'content-length: 0')}${hidden()}`,
    () => `${head('host: a', 'transfer-encoding: gzip, chunked')}0\r\n\r\n${hidden()}`,
    () => `${head('host: a', 'expect: miracles', 'content-length: 0')}${hidden()}`,
    () => `GET /a/../b HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc${hidden()}`,
    () => `${head('host: a', 'content-length: 999999999')}${hidden()}`,
    () => `${head('host: a', 'transfer-encoding: chunked')}zz\r\n${hidden()}`,
    () => `rubbish\r\n\r\n${hidden()}`,
    () => head('host: a', `idempotency-key: ${randomUUID()}`, 'content-length: 1000'),
  ];
  const { hostname, port } = new URL(shop.url);
  let next = 0;
  const stranger = async () => {
    for (let n = next++; n < CONNECTIONS; n = next++) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      const bytes = (attacks[n % attacks.length] as () => string)();
      socket.write(n % 4 === 0 ? bytes.slice(0, n % bytes.length) : bytes);
      if (n % 3 !== 0) await sleep(n % 3);
      socket.resetAndDestroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, stranger));

  const { orderId } = bodyOf(await other.place(order), 202);
  expect(await other.settled(orderId)).toMatchObject({ orderId });
  expect(bodyOf(await victim.orders({ limit: 10 })).items).toEqual([]);
  client.close();
});
