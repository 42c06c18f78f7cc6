import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPath } from './canonical-path.ts';

const refusedPaths: readonly (readonly [string, string])[] = [
  ['a path without its first slash', 'orders'],
  ['nothing at all', ''],
  ['another host behind two slashes', '//evil.example/x'],
  ['another host behind a backslash', '/\\evil.example'],
  ['two slashes in the middle', '/a//b'],
  ['two slashes at the end', '/a//'],
  ['a dot segment', '/a/./b'],
  ['a dot segment at the end', '/a/.'],
  ['a parent segment', '/a/../admin'],
  ['an encoded parent segment', '/a/%2e%2E/admin'],
  ['a half encoded parent segment', '/a/.%2e/admin'],
  ['an encoded slash', '/a%2Fb'],
  ['an encoded backslash', '/a%5cb'],
  ['an encoded NUL', '/a%00'],
  ['an encoded line feed', '/a%0Ab'],
  ['an encoded DEL', '/a%7f'],
  ['a fragment', '/a#b'],
  ['a question mark', '/a?b'],
  ['a path parameter', '/a;jsessionid=1/b'],
  ['a space', '/a b'],
  ['a raw letter beyond ASCII', '/é'],
  ['a tab', '/a\tb'],
  ['a bracket that URL parsers rewrite', '/a[b]'],
  ['a percent sign alone', '/100%'],
  ['half an escape', '/a%4'],
  ['an escape with other letters', '/a%zz'],
  ['an overlong slash', '/a%c0%afb'],
  ['an overlong slash of three bytes', '/a%e0%80%afb'],
  ['a lone continuation byte', '/a%80'],
  ['an encoded surrogate', '/%ED%A0%80'],
  ['a cut-off character', '/%C3'],
];

describe('canonicalPath', () => {
  it.each(refusedPaths)('refuses %s', (_, path) => {
    expect(canonicalPath(path)).toMatchObject({ ok: false });
  });

  it('keeps a plain path as it is', () => {
    expect(canonicalPath('/orders/ord_1/events')).toEqual({
      ok: true,
      path: '/orders/ord_1/events',
      segments: ['orders', 'ord_1', 'events'],
    });
  });

  it('gives no segments for the root and an empty last one for a slash at the end', () => {
    expect(canonicalPath('/')).toEqual({ ok: true, path: '/', segments: [] });
    expect(canonicalPath('/orders/')).toEqual({ ok: true, path: '/orders/', segments: ['orders', ''] });
  });

  it('decodes unreserved characters, so that no spelling escapes a rule', () => {
    expect(canonicalPath('/%61dmin/%7Eme')).toEqual({ ok: true, path: '/admin/~me', segments: ['admin', '~me'] });
  });

  it('decodes once only', () => {
    expect(canonicalPath('/%2561dmin')).toEqual({ ok: true, path: '/%2561dmin', segments: ['%61dmin'] });
    expect(canonicalPath('/%252e%252e')).toEqual({ ok: true, path: '/%252e%252e', segments: ['%2e%2e'] });
  });

  it('keeps other escapes in the path, in upper case, and decodes them in the segments', () => {
    expect(canonicalPath('/caf%c3%a9/a%20b/me%40home/%ef%bb%bfx')).toEqual({
      ok: true,
      path: '/caf%C3%A9/a%20b/me%40home/%EF%BB%BFx',
      segments: ['café', 'a b', 'me@home', '\ufeffx'],
    });
  });

  const pieces = fc.constantFrom(
    ...'/.%2eEfF5cC3aA9;\\ab~'.split(''),
    '%2e',
    '%2F',
    '%41',
    '%C3%A9',
    '//',
    '/../',
    '%25',
    '%',
    'é',
    '%c0%af',
  );
  const paths = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((parts) => `/${parts.join('')}`),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => `/${text}`),
    fc.webPath(),
  );

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const once = canonicalPath(path);
        if (once.ok) expect(canonicalPath(once.path)).toEqual(once);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never lets a dot segment, an empty segment, a slash or a control character through', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const result = canonicalPath(path);
        if (!result.ok) return;
        expect(result.path).toMatch(/^\/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$/);
        result.segments.forEach((segment, i) => {
          expect(['.', '..']).not.toContain(segment);
          expect(segment === '' && i < result.segments.length - 1).toBe(false);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is left is what this is about
          expect(segment).not.toMatch(/[/\\\u0000-\u001f\u007f]/);
        });
      }),
      { numRuns: 5_000 },
    );
  });

  it('is read by a URL parser as the very same path on the very same host', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const result = canonicalPath(path);
        if (!result.ok) return;
        const url = new URL(`http://upstream.internal${result.path}`);
        expect(url.origin).toBe('http://upstream.internal');
        expect(url.pathname).toBe(result.path);
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives back every segment that a template encoded', () => {
    const values = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/[/\\\p{Cc}]/u.test(text) && !/^\.\.?$/.test(text));
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), (segments) => {
        expect(canonicalPath(`/${segments.map(encodeURIComponent).join('/')}`)).toMatchObject({ ok: true, segments });
      }),
    );
  });
});
