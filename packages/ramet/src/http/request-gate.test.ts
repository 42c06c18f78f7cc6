import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GateOptions, gate, type RawRequest } from './request-gate.ts';

const HOST = ['Host', 'shop.example'];
const send = (request: Partial<RawRequest> = {}, options?: GateOptions) =>
  gate({ method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: HOST, ...request }, options);
const withHeaders = (...rawHeaders: string[]) => send({ rawHeaders: [...HOST, ...rawHeaders] });
const get = (url: string) => send({ url });

describe('gate', () => {
  it('makes the one request that later code sees', () => {
    const request = send({
      method: 'POST',
      url: '/orders/caf%C3%A9?a=1&b=?%2F',
      rawHeaders: ['Host', 'Shop.Example:8443', 'Content-Type', 'application/json', 'content-length', '12', 'Accept', ' */* '],
    });
    expect(request).toEqual({
      ok: true,
      method: 'POST',
      path: '/orders/caf%C3%A9',
      segments: ['orders', 'café'],
      rawQuery: 'a=1&b=?%2F',
      headers: new Map([
        ['host', 'Shop.Example:8443'],
        ['content-type', 'application/json'],
        ['content-length', '12'],
        ['accept', '*/*'],
      ]),
      host: 'shop.example:8443',
    });
  });

  it('joins headers that may be repeated, cookies in their own way', () => {
    const request = withHeaders('Accept', 'a', 'accept', 'b', 'Cookie', 'a=1', 'cookie', 'b=2');
    expect(request.ok && [request.headers.get('accept'), request.headers.get('cookie')]).toEqual(['a, b', 'a=1; b=2']);
  });

  describe('versions and methods', () => {
    it('accepts HTTP/1.0 and 1.1 and no others', () => {
      expect(send({ httpVersion: '1.0' }).ok).toBe(true);
      for (const httpVersion of ['2.0', '0.9', '1.2', '']) expect(send({ httpVersion })).toMatchObject({ ok: false, status: 505 });
    });

    it('refuses CONNECT and everything that is not a method', () => {
      for (const method of ['CONNECT', 'get', '', 'G ET']) expect(send({ method })).toMatchObject({ ok: false, status: 400 });
      expect(send({ method: 'PATCH' }).ok).toBe(true);
    });
  });

  describe('hosts', () => {
    it('requires exactly one', () => {
      expect(send({ rawHeaders: [] })).toMatchObject({ ok: false, status: 400 });
      expect(withHeaders('host', 'shop.example')).toMatchObject({ ok: false, status: 400 });
    });

    it.each([
      '',
      'a b',
      'a/b',
      'user@shop.example',
      'shop.example:',
      'shop.example:123456',
      'shop.example:65536',
      'shop.example,evil.example',
      'a_b',
      '[::1',
      '::1',
      'é',
    ])('refuses %j', (host) => {
      expect(send({ rawHeaders: ['Host', host] })).toMatchObject({ ok: false, status: 400 });
    });

    it.each(['localhost:3000', '192.0.2.1', '[::1]', '[2001:DB8::1]:443', 'SHOP.example'])('accepts %j', (host) => {
      expect(send({ rawHeaders: ['Host', host] })).toMatchObject({ ok: true, host: host.toLowerCase() });
    });

    it('answers only for the configured ones, with or without a port', () => {
      const hosts = ['Shop.example', 'localhost:3000', '[::1]'];
      for (const host of ['shop.example', 'SHOP.EXAMPLE:8443', 'localhost:3000', '[::1]:80']) {
        expect(send({ rawHeaders: ['Host', host] }, { hosts }).ok).toBe(true);
      }
      for (const host of ['evil.example', 'shop.example.', 'localhost', 'localhost:3001', 'a.shop.example']) {
        expect(send({ rawHeaders: ['Host', host] }, { hosts })).toMatchObject({ ok: false, status: 421 });
      }
    });
  });

  describe('framing', () => {
    it('accepts chunked, in upper and lower case', () => {
      for (const value of ['chunked', 'Chunked', ' chunked ']) expect(withHeaders('Transfer-Encoding', value).ok).toBe(true);
    });

    it.each([
      ['another coding before', ['Transfer-Encoding', 'gzip, chunked']],
      ['identity', ['Transfer-Encoding', 'identity, chunked']],
      ['nothing', ['Transfer-Encoding', '']],
      ['chunked twice', ['Transfer-Encoding', 'chunked, chunked']],
      ['two headers', ['Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked']],
      ['a control character', ['Transfer-Encoding', 'chunked\x0b']],
      ['a no-break space', ['Transfer-Encoding', 'chunked\xa0']],
      ['quotes', ['Transfer-Encoding', '"chunked"']],
      ['a length beside it', ['Transfer-Encoding', 'chunked', 'Content-Length', '3']],
    ])('refuses a transfer encoding with %s', (_, headers) => {
      expect(withHeaders(...headers)).toMatchObject({ ok: false, status: 400 });
    });

    it('refuses a transfer encoding with HTTP/1.0', () => {
      expect(send({ httpVersion: '1.0', rawHeaders: [...HOST, 'Transfer-Encoding', 'chunked'] })).toMatchObject({ ok: false, status: 400 });
    });

    it.each(['', '+1', '-1', '0x1', '1,1', '1 1', '1e3', '9'.repeat(16)])('refuses the content length %j', (length) => {
      expect(withHeaders('Content-Length', length)).toMatchObject({ ok: false, status: 400 });
    });
  });

  describe('headers', () => {
    it.each([
      'Authorization',
      'Content-Type',
      'Content-Length',
      'Content-Encoding',
      'Origin',
      'Forwarded',
      'X-Forwarded-For',
      'X-Forwarded-Anything',
      'Expect',
      'Idempotency-Key',
    ])('refuses two of %s', (name) => {
      expect(withHeaders(name, '100-continue', name.toLowerCase(), '100-continue')).toMatchObject({ ok: false, status: 400 });
    });

    it('refuses underscores, which some servers read as dashes', () => {
      expect(withHeaders('x_ramet_identity', 'me')).toMatchObject({ ok: false, status: 400 });
    });

    it.each(['', 'a b', 'a:b', 'ä', 'a\t', '(a)'])('refuses the name %j', (name) => {
      expect(withHeaders(name, '1')).toMatchObject({ ok: false, status: 400 });
    });

    it.each(['a\r\nb: c', 'a\0', 'a\x7f', 'a\u2028', '\u0161'])('refuses the value %j', (value) => {
      expect(withHeaders('a', value)).toMatchObject({ ok: false, status: 400 });
    });

    it('accepts 100 of them and no more', () => {
      const headers = (count: number) => Array.from({ length: count - 1 }, (_, i) => [`h${i}`, '1']).flat();
      expect(withHeaders(...headers(100)).ok).toBe(true);
      expect(withHeaders(...headers(101))).toMatchObject({ ok: false, status: 431 });
    });

    it('accepts 16 kB and no more', () => {
      expect(withHeaders('a', 'x'.repeat(16_000)).ok).toBe(true);
      expect(withHeaders('a', 'x'.repeat(16_384))).toMatchObject({ ok: false, status: 431 });
    });

    it('switches to websockets only, and never to HTTP/2', () => {
      expect(withHeaders('Connection', 'Upgrade', 'Upgrade', 'WebSocket').ok).toBe(true);
      for (const headers of [
        ['Upgrade', 'h2c'],
        ['Upgrade', 'websocket, h2c'],
        ['HTTP2-Settings', 'AAMAAABkAAQ'],
        ['Upgrade', 'TLS/1.0'],
      ]) {
        expect(withHeaders(...headers)).toMatchObject({ ok: false, status: 400 });
      }
    });

    it('accepts one expectation', () => {
      expect(withHeaders('Expect', '100-Continue').ok).toBe(true);
      expect(withHeaders('Expect', 'a pony')).toMatchObject({ ok: false, status: 417 });
    });
  });

  describe('targets', () => {
    it.each([
      'http://evil.example/',
      'evil',
      '',
      '*',
      '?a',
      '//evil.example/x',
      '/\\evil.example',
      '/a#b',
      '/a?b#c',
      '/a b',
      '/a?b c',
      '/é',
      '/a?é',
      '/a\tb',
      '/../x',
      '/a%2fb',
    ])('refuses %j', (url) => {
      expect(get(url)).toMatchObject({ ok: false, status: 400, code: 'MalformedRequest' });
    });

    it('accepts `*` for OPTIONS, without segments to route on', () => {
      expect(send({ method: 'OPTIONS', url: '*' })).toMatchObject({ ok: true, path: '*', segments: [], rawQuery: '' });
      expect(send({ method: 'OPTIONS', url: '*?a' })).toMatchObject({ ok: false, status: 400 });
    });

    it('sends readers to the canonical path and refuses writers', () => {
      expect(get('/%61/caf%c3%a9?q=%61')).toMatchObject({ ok: false, status: 308, location: '/a/caf%C3%A9?q=%61' });
      expect(send({ method: 'HEAD', url: '/%61' })).toMatchObject({ ok: false, status: 308, location: '/a' });
      expect(send({ method: 'POST', url: '/%61' })).toMatchObject({ ok: false, status: 400 });
    });

    it('accepts a backslash in the query, where browsers leave it', () => {
      expect(get('/a?b=\\')).toMatchObject({ ok: true, rawQuery: 'b=\\' });
    });
  });

  const piece = fc.constantFrom('/', '%2e', '.', '%', '%41', '%2F', '\\', '//', 'a', '?', '#', ';', '@', ':', 'http:', 'é', ' ');
  const urls = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));

  it('never redirects to another host, and accepts the request that it redirects to', () => {
    fc.assert(
      fc.property(urls, (url) => {
        const result = get(url);
        if (result.ok || result.location === undefined) return;
        expect(new URL(result.location, 'http://shop.example/a').origin).toBe('http://shop.example');
        expect(get(result.location)).toMatchObject({ ok: true });
      }),
      { numRuns: 5_000 },
    );
  });

  it('accepts only a target that keeps its path and query when it is joined to the address of a service', () => {
    fc.assert(
      fc.property(urls, (url) => {
        const result = get(`/${url}`);
        if (!result.ok) return;
        const upstream = new URL(`http://orders.internal${result.path}?${result.rawQuery}`);
        expect([upstream.origin, upstream.pathname, upstream.hash]).toEqual(['http://orders.internal', result.path, '']);
      }),
      { numRuns: 5_000 },
    );
  });

  it('handles any headers without throwing, and accepts no ambiguous ones', () => {
    const name = fc.constantFrom(
      'Host',
      'host',
      'Transfer-Encoding',
      'transfer_encoding',
      'Content-Length',
      'Authorization',
      'X-Forwarded-For',
      'Accept',
      'é',
      '',
    );
    const value = fc.constantFrom('shop.example', 'chunked', 'gzip, chunked', '3', '', '\r\n', 'a');
    const request = fc.record({
      method: fc.constantFrom('GET', 'POST', 'CONNECT', 'x'),
      url: urls.map((url) => `/${url}`),
      httpVersion: fc.constantFrom('1.0', '1.1', '2.0'),
      rawHeaders: fc.array(fc.tuple(name, value), { maxLength: 5 }).map((pairs) => pairs.flat()),
    });
    fc.assert(
      fc.property(request, (raw) => {
        const result = gate(raw);
        if (!result.ok) return;
        const names = raw.rawHeaders.filter((_, i) => i % 2 === 0).map((header) => header.toLowerCase());
        for (const single of ['host', 'transfer-encoding', 'content-length', 'authorization', 'x-forwarded-for']) {
          expect(names.filter((header) => header === single).length).toBeLessThanOrEqual(1);
        }
        expect(result.headers.has('transfer-encoding') && result.headers.has('content-length')).toBe(false);
        expect(result.headers.get('transfer-encoding') ?? 'chunked').toBe('chunked');
      }),
      { numRuns: 5_000 },
    );
  });
});
