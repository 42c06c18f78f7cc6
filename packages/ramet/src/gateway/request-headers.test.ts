import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayDeclareHeader, upstreamHeaders } from './request-headers.ts';

const from = (client: Record<string, string>, own: Record<string, string> = {}, declared?: string[]) =>
  upstreamHeaders(new Map(Object.entries(client)), own, declared);

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('upstreamHeaders', () => {
  it('lets through what the list allows and nothing else', () => {
    const allowed = {
      accept: '*/*',
      'content-type': 'application/json',
      'if-none-match': '"1"',
      'idempotency-key': 'k',
      'x-correlation-id': 'c',
      traceparent: TRACE,
    };
    expect(from({ ...allowed, authorization: 'Bearer x', cookie: 'a=b', 'x-user-id': '1', 'content-encoding': 'gzip' })).toEqual(allowed);
  });

  it('drops ids and traces that are not well-formed', () => {
    expect(from({ 'x-correlation-id': 'a b', 'idempotency-key': 'a b', traceparent: '00-0', tracestate: 'a=1' })).toEqual({});
    expect(from({ traceparent: TRACE, tracestate: 'A' })).toEqual({ traceparent: TRACE });
  });

  it('adds ours after removing what the client told connections to remove', () => {
    const client = { connection: 'x-ramet-identity, Accept,x-request-id', accept: '*/*', 'user-agent': 'curl' };
    expect(from(client, { 'x-ramet-identity': 'us', 'X-Request-Id': '1' })).toEqual({
      'user-agent': 'curl',
      'x-ramet-identity': 'us',
      'x-request-id': '1',
    });
  });

  it("prefers ours to the client's", () => {
    expect(from({ 'x-correlation-id': 'theirs' }, { 'x-correlation-id': 'ours' })).toEqual({ 'x-correlation-id': 'ours' });
  });

  it('lets declared headers through, but never one that is reserved', () => {
    const client = { 'x-tenant': 't', range: 'bytes=0-1', 'x-ramet-identity': 'me', 'x-forwarded-for': '1.1.1.1', te: 'trailers' };
    expect(from(client, {}, Object.keys(client))).toEqual({ 'x-tenant': 't', range: 'bytes=0-1' });
  });

  it('validates an allowed header also when it is declared', () => {
    expect(from({ 'idempotency-key': 'a b' }, {}, ['idempotency-key'])).toEqual({});
  });

  it('does not set what would break out of its line or belongs to the connection', () => {
    for (const own of [
      { 'x-ramet-a': 'a\r\nb: c' },
      { 'x-ramet-a': 'ü' },
      { Connection: 'close' },
      { 'content-length': '1' },
      { 'x a': '1' },
      { x_a: '1' },
    ]) {
      expect(() => from({}, own as unknown as Record<string, string>)).toThrow(RangeError);
    }
  });

  const FORBIDDEN =
    /^(connection|keep-alive|proxy.*|te|trailer|transfer-encoding|upgrade|host|content-length|expect|forwarded|x.forwarded.*|x.real.ip|x.original.*|x.rewrite.*|x.ramet.*)$/;

  it('never lets a reserved or a hop-by-hop name leave, nor one that the client had removed', () => {
    const stem = fc.constantFrom(
      'connection',
      'keep-alive',
      'proxy',
      'proxy-authorization',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'host',
      'content-length',
      'forwarded',
      'x-forwarded-for',
      'x-forwarded',
      'x-real-ip',
      'x-original-url',
      'x-rewrite-url',
      'x-ramet-identity',
      'x-ramet-',
      'accept',
      'x-tenant',
      'user-agent',
      'expect',
    );
    const name = fc.oneof(
      stem,
      stem.map((text) => text.replaceAll('-', '_')),
      fc.string({ unit: fc.constantFrom('x', '-', '_', 'a'), maxLength: 5 }),
    );
    const client = fc.array(fc.tuple(name, fc.constantFrom('v', 'gzip', '1')), { maxLength: 12 });
    fc.assert(
      fc.property(client, fc.array(name, { maxLength: 6 }), fc.array(name, { maxLength: 6 }), (pairs, declared, removed) => {
        const own = { 'x-ramet-identity': 'ours', 'x-forwarded-for': '203.0.113.7' };
        const headers = upstreamHeaders(new Map([...pairs, ['connection', removed.join(', ')]]), own, declared);
        expect(headers).toMatchObject(own);
        const theirs = Object.keys(headers).filter((key) => !(key in own));
        for (const key of theirs) {
          expect(key).not.toMatch(FORBIDDEN);
          expect(removed).not.toContain(key);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('mayDeclareHeader', () => {
  it('allows ordinary names and refuses ours, those of connections and those with underscores', () => {
    for (const name of ['x-tenant', 'Range', 'cookie', 'content-encoding', 'x-forward', 'authorization'])
      expect(mayDeclareHeader(name)).toBe(true);
    for (const name of ['X-Ramet-Identity', 'x-forwarded-proto', 'Forwarded', 'te', 'Proxy', 'proxy-connection', 'x_tenant', 'a b', '']) {
      expect(mayDeclareHeader(name)).toBe(false);
    }
  });
});
