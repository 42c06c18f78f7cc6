import { describe, expect, it } from 'vitest';
import { problemHeaders } from './answers.ts';

describe('problemHeaders', () => {
  it('names the type, and forbids caches', () => {
    expect(problemHeaders({ status: 404, code: 'NotFound' })).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  it('requires a token, another one, or one with more scope', () => {
    expect(problemHeaders({ status: 401, code: 'MissingToken' })['www-authenticate']).toBe('Bearer');
    expect(problemHeaders({ status: 401, code: 'InvalidToken' })['www-authenticate']).toBe('Bearer error="invalid_token"');
    expect(problemHeaders({ status: 403, code: 'Forbidden' }, { scope: 'orders:write' })['www-authenticate']).toBe(
      'Bearer error="insufficient_scope", scope="orders:write"',
    );
  });

  it('names the methods of a 405, and at least one whole second to wait', () => {
    expect(problemHeaders({ status: 405, code: 'MethodNotAllowed' }, { allowed: ['GET', 'HEAD'] }).allow).toBe('GET, HEAD');
    expect(problemHeaders({ status: 429, code: 'TooManyRequests' }, { retryAfterMs: 8_001 })['retry-after']).toBe('9');
    expect(problemHeaders({ status: 503, code: 'Unavailable' }, { retryAfterMs: 0 })['retry-after']).toBe('1');
  });
});
