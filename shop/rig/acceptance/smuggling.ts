import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { CARDS, type Customer, type Problem } from '../harness/client.ts';
import { sendRaw } from './raw.ts';
import type { Suite } from './suite.ts';

/** Whose order it would be, and of what. */
interface Target {
  readonly customer: Customer;
  readonly sku: string;
}

/** Requests that two parsers read differently: refused whole, and what hides behind them never runs. */
export function smuggling(suite: Suite, target: () => Target): void {
  const order = () => `{"lines":[{"sku":"${target().sku}","quantity":1}],"card":{"number":"${CARDS.pays}"}}`;
  /** A complete order that must never be taken for a request of its own. */
  const hidden = () =>
    [
      'POST /api/orders HTTP/1.1',
      'host: a',
      `authorization: Bearer ${target().customer.token}`,
      `idempotency-key: ${randomUUID()}`,
      'content-type: application/json',
      `content-length: ${order().length}`,
      '',
      order(),
    ].join('\r\n');
  const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const head = (...headers: string[]) =>
    [
      'POST /api/orders HTTP/1.1',
      `authorization: Bearer ${target().customer.token}`,
      `idempotency-key: ${randomUUID()}`,
      'content-type: application/json',
      ...headers,
      '',
      '',
    ].join('\r\n');

  const cases: [string, () => string | Buffer][] = [
    ['two Host headers', () => `GET /api/products HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n`],
    ['no Host header', () => 'GET /api/products HTTP/1.1\r\n\r\n'],
    ['a Host header that is none', () => 'GET /api/products HTTP/1.1\r\nhost: a/b@c\r\n\r\n'],
    ['an absolute target', () => 'GET http://evil.test/api/products HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['an absolute target of another scheme', () => 'GET file:///etc/passwd HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a target that is not a path', () => 'GET api/products HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['CONNECT', () => 'CONNECT evil.test:443 HTTP/1.1\r\nhost: evil.test\r\n\r\n'],
    [
      'Transfer-Encoding and Content-Length',
      () => `${head('host: a', 'content-length: 4', 'transfer-encoding: chunked')}${chunked(order())}${hidden()}`,
    ],
    ['two lengths', () => `${head('host: a', `content-length: ${order().length}`, 'content-length: 3')}${order()}`],
    ['two lengths in one header', () => `${head('host: a', `content-length: ${order().length}, ${order().length}`)}${order()}`],
    ['a length with a sign', () => `${head('host: a', `content-length: +${order().length}`)}${order()}`],
    ['a length in hexadecimal', () => `${head('host: a', 'content-length: 0x4')}${order()}`],
    ['gzip, chunked', () => `${head('host: a', 'transfer-encoding: gzip, chunked')}${chunked(order())}`],
    ['identity, chunked', () => `${head('host: a', 'transfer-encoding: identity, chunked')}${chunked(order())}`],
    ['an unknown coding', () => `${head('host: a', 'transfer-encoding: xchunked')}${chunked(order())}`],
    [
      'chunked with a no-break space',
      () => Buffer.from(`${head('host: a', 'transfer-encoding: \u00a0chunked')}${chunked(order())}`, 'latin1'),
    ],
    ['two Transfer-Encodings', () => `${head('host: a', 'transfer-encoding: chunked', 'transfer-encoding: identity')}${chunked(order())}`],
    [
      'Transfer-Encoding in HTTP/1.0',
      () => `${head('host: a', 'transfer-encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')}${chunked(order())}`,
    ],
    ['a size of a chunk that is none', () => `${head('host: a', 'transfer-encoding: chunked')}zz\r\n${order()}\r\n0\r\n\r\n`],
    ['a folded header', () => `${head('host: a', 'x-folded: one', ' two', `content-length: ${order().length}`)}${order()}`],
    ['a folded Transfer-Encoding', () => `${head('host: a', 'transfer-encoding:', ' chunked')}${chunked(order())}`],
    ['a space before the colon', () => `${head('host: a', `content-length : ${order().length}`)}${order()}`],
    ['a header without a colon', () => `${head('host: a', 'nothing')}`],
    ['a header with NUL', () => `${head('host: a', 'x-nul: a\u0000b', 'content-length: 0')}`],
    ['a header with a bare CR', () => `${head('host: a', 'x-cr: a\rb: c', 'content-length: 0')}`],
    ['a name with an underscore', () => `${head('host: a', 'x_ramet_identity: admin', `content-length: ${order().length}`)}${order()}`],
    ['two Authorization headers', () => `${head('host: a', 'authorization: Bearer other', `content-length: ${order().length}`)}${order()}`],
    ['two Idempotency-Keys', () => `${head('host: a', 'idempotency-key: other', `content-length: ${order().length}`)}${order()}`],
    ['HTTP/2.0 in the first line', () => 'GET /api/products HTTP/2.0\r\nhost: a\r\n\r\n'],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    [
      'an upgrade to h2c',
      () =>
        'GET /api/products HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n',
    ],
    [
      'an expectation that cannot be met',
      () => `${head('host: a', 'expect: the-unexpected', `content-length: ${order().length}`)}${order()}`,
    ],
    ['a method in small letters', () => 'get /api/products HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['no HTTP at all', () => 'EHLO shop\r\n\r\n'],
    ['a TLS greeting', () => Buffer.from('16030100c8010000c40303', 'hex')],
    ['a first line without end', () => `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: a\r\n\r\n`],
  ];

  test.each(cases)('on the wire: %s', async (_, bytes) => {
    const answer = await sendRaw(suite.shop.url, bytes(), { end: true });
    // One refusal and no more: whatever followed on the connection was not taken for a request.
    expect(answer.statuses).toHaveLength(1);
    expect(answer.statuses[0]).toBeGreaterThanOrEqual(400);
    expect(answer.closed).toBe(true);
    expect(answer.text).toMatch(/^content-type: application\/problem\+json/im);
    const problem = JSON.parse(answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4)) as Problem;
    expect(problem).toMatchObject({ status: expect.any(Number), title: expect.any(String), code: expect.any(String) });
  });

  test('on the wire: an order in the body of another request is not placed', async () => {
    const answer = await sendRaw(
      suite.shop.url,
      `GET /api/products?limit=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${hidden().length}\r\n\r\n${hidden()}`,
    );
    expect(answer.statuses).toHaveLength(1);
  });

  test('on the wire: a body that breaks off writes nothing', async () => {
    const sent = await sendRaw(suite.shop.url, `${head('host: a', `content-length: ${order().length + 10}`)}${order()}`, { end: true });
    expect(sent.statuses.every((status) => status >= 400)).toBe(true);
  });
}
