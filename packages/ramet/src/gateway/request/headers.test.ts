import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerToken, idempotencyKey, preferredWaitMs, rateLimitHeaders } from './headers.ts';

describe('idempotencyKey', () => {
  it('keeps 1 to 255 visible characters', () => {
    for (const key of ['1', '"8e03978e"', '~!{}', 'x'.repeat(255)]) expect(idempotencyKey(key)).toBe(key);
  });

  it('drops all others', () => {
    for (const key of [undefined, '', 'x'.repeat(256), 'a b', 'a\t', 'a\n', 'ü', '\x7f']) expect(idempotencyKey(key)).toBe(undefined);
  });
});

describe('preferredWaitMs', () => {
  it.each([
    ['wait=3', 3],
    ['wait=0', 0],
    ['wait=60', 60],
    ['respond-async, wait=10', 10],
    ['Wait = "5"; x=1', 5],
    ['wait=1, wait=2', 1],
  ])('reads %j', (prefer, seconds) => {
    expect(preferredWaitMs(prefer)).toBe(seconds * 1_000);
  });

  it.each([
    undefined,
    '',
    'respond-async',
    'wait',
    'wait=',
    'wait=61',
    'wait=-1',
    'wait=1.5',
    'wait=3s',
    'wait="5',
    'await=3',
    'wait=1e1',
    'wait=61, wait=1',
  ])('ignores %j', (prefer) => {
    expect(preferredWaitMs(prefer)).toBe(undefined);
  });
});

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('bearerToken', () => {
  it('reads the token, whatever the case of the scheme', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER '])
      expect(bearerToken(`${scheme} abc.def-_~+/==`)).toEqual({ kind: 'token', token: 'abc.def-_~+/==' });
  });

  it('distinguishes a missing token from a malformed one', () => {
    for (const header of [undefined, '', '  ']) expect(bearerToken(header)).toEqual({ kind: 'missing' });
    for (const header of [
      'Bearer',
      'Bearer ',
      'Basic abc',
      'abc',
      'Bearer a b',
      'Bearer a,b',
      'Bearer =',
      'Bearer\tabc',
      'Bearer ä',
      ' Bearer abc',
      'Bearerabc',
    ]) {
      expect(bearerToken(header)).toEqual({ kind: 'malformed' });
    }
  });

  it('refuses a token of more than 8 kB', () => {
    expect(bearerToken(`Bearer ${'x'.repeat(8192)}`).kind).toBe('token');
    expect(bearerToken(`Bearer ${'x'.repeat(8193)}`).kind).toBe('malformed');
  });
});

describe('rateLimitHeaders', () => {
  it('gives seconds', () => {
    expect(rateLimitHeaders({ allowed: true, limit: 100, remaining: 99, resetMs: 8_001, retryAfterMs: 0 })).toEqual({
      'ratelimit-limit': '100',
      'ratelimit-remaining': '99',
      'ratelimit-reset': '9',
    });
  });
});

describe('the readers of headers', () => {
  it('accept any text without throwing, and in time', () => {
    const bits = fc.constantFrom('wait', '=', '"', ',', ';', ' ', 'Bearer ', '00-', traceId, '-', 'a', '@', '\n', 'é');
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        for (const read of [idempotencyKey, preferredWaitMs, bearerToken]) read(text);
      }),
    );
  });
});
