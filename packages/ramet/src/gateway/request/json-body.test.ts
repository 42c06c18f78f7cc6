import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReservedKey, parseJsonBody } from './json-body.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join(',')}}`;

const accepted: readonly (readonly [string, string])[] = [
  ['a number alone', '1'],
  ['space around everything', ' \t\r\n{ "a" : [ 1 , 2 ] } \n'],
  ['nothing inside', '[{},[],""]'],
  ['every escape', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"'],
  ['every form of number', '[0,-0,-1,1.5,1e3,1E+3,1.25e-3,123456789012345]'],
  ['the largest exact whole numbers', '[9007199254740991,-9007199254740991]'],
  ['a large number as JavaScript writes it', '[1e300,1.2345678901234566e+25]'],
  ['`constructor` alone', '{"constructor":{"name":"Ferrari"}}'],
  ['the same key in different objects', '{"a":{"a":[{"a":1},{"a":2}]}}'],
  ['as deep as allowed', nested(64)],
  ['as many keys as allowed', keys(10_000)],
  ['as many values as allowed', `[${'0,'.repeat(99_998)}0]`],
  ['a string as long as allowed, whatever it takes to write it', `"${'\\u00e9'.repeat(256 * 1024)}"`],
];

const refusals: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'line 1, column 1: the text ends where a value is expected'],
  ['a word', '{"a":\n  maybe}', 'line 2, column 3: a value is expected here'],
  ['a byte order mark', '\ufeff{}', 'line 1, column 1: a value is expected here'],
  ['a comma at the end of an array', '[1,]', 'line 1, column 4: a value is expected here'],
  ['a comma at the end of an object', '{"a":1,}', 'line 1, column 8: a key in double quotes is expected here'],
  ['a missing comma', '[1 2]', 'line 1, column 4: a comma or `]` is expected here'],
  ['the wrong bracket', '{"a":1]', 'line 1, column 7: a comma or `}` is expected here'],
  ['a missing colon', '{"a" 1}', 'line 1, column 6: a colon is expected here'],
  ['an open container', '[[1]', 'line 1, column 5: the text ends before its `]`'],
  ['an open string', '"abc', 'line 1, column 5: the text ends inside a string'],
  ['two values', '1 2', 'line 1, column 3: there is text after the value'],
  ['a bare control character', '"a\u0001"', 'line 1, column 3: a control character must be written as an escape'],
  ['an unknown escape', '"\\x41"', 'line 1, column 2: there is no such escape'],
  ['half an escape', '"\\u12G4"', 'line 1, column 2: four hexadecimal digits are expected here'],
  ['a needless zero', '01', 'line 1, column 1: a number must not begin with a needless zero'],
  ['a fraction without digits', '1.', 'line 1, column 3: a digit is expected here'],
  ['an exponent without digits', '1e+', 'line 1, column 4: a digit is expected here'],
];

/** What is refused although it is JSON: text, path of the issue, message. */
const forbidden: readonly (readonly [string, string, string, string])[] = [
  ['a duplicate key', '{"a":{"role":"user","x":1,"role":"admin"}}', 'a.role', 'this key occurs twice'],
  ['a duplicate key that hides behind an escape', '{"role":1,"r\\u006fle":2}', 'role', 'this key occurs twice'],
  ['a duplicate among many keys', `${keys(50).slice(0, -1)},"k3":1}`, 'k3', 'this key occurs twice'],
  ['an empty key twice', '{"":1,"":2}', '', 'this key occurs twice'],
  ['__proto__', '[{"__proto__":{"isAdmin":true}}]', '0.__proto__', 'this key is reserved'],
  ['__proto__ behind an escape', '{"__pr\\u006fto__":1}', '__proto__', 'this key is reserved'],
  ['constructor.prototype', '{"constructor":{"prototype":{}}}', 'constructor.prototype', 'this key is reserved'],
  ['NUL in a string', '{"a":["x","\\u0000"]}', 'a.1', 'NUL cannot be stored'],
  ['NUL in a key', '{"a\\u0000":1}', '', 'NUL cannot be stored'],
  ['half of an escaped surrogate pair', '["\\ud800"]', '0', 'half of a surrogate pair is not a character'],
  ['the second half first', '["\\ude00\\ud83d"]', '0', 'half of a surrogate pair is not a character'],
  ['half of a bare surrogate pair', '["\ud800"]', '', 'half of a surrogate pair is not a character'],
  ['a number that is infinite', '{"a":1e400}', 'a', 'this number is too large'],
  ['an infinite number without an exponent', `{"a":${'9'.repeat(400)}.0}`, 'a', 'this number is too large'],
  ['a number that would be zero', '[1e-400]', '0', 'this number is too small'],
  [
    'a fraction that would lose digits',
    '[0.1234567890123456789]',
    '0',
    'this number has more digits than would arrive; send it as text, or with 15 digits',
  ],
  ['2^53 and one, with a point', '[9007199254740993.0]', '0', 'a whole number beyond 2^53 would arrive changed; send it as text'],
  ['2^53', '[9007199254740992]', '0', 'a whole number beyond 2^53 would arrive changed; send it as text'],
  [
    'a whole number that would be rounded',
    '{"id":-9007199254740993}',
    'id',
    'a whole number beyond 2^53 would arrive changed; send it as text',
  ],
  ['one level too deep', nested(65), Array(64).fill(0).join('.'), 'nested deeper than 64'],
  ['one key too many', `{"a":${keys(10_001)}}`, 'a', 'more than 10000 keys in one object'],
  ['one value too many', `[${'0,'.repeat(99_999)}0]`, '99999', 'more than 100000 values'],
  ['escaped pairs too long', `["${'\\ud83d\\ude00'.repeat(128 * 1024 + 1)}"]`, '0', 'longer than 262144 characters'],
  ['a string too long', `{"a":"${'x'.repeat(256 * 1024 + 1)}"}`, 'a', 'longer than 262144 characters'],
];

describe('parseJsonBody', () => {
  it.each(accepted)('accepts %s', (_, text) => {
    expect(parseJsonBody(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it.each(refusals)('says where the syntax is wrong: %s', (_, text, detail) => {
    expect(parseJsonBody(text)).toEqual({ ok: false, detail, issues: [] });
  });

  it.each(forbidden)('refuses %s and names the field', (_, text, path, message) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(parseJsonBody(text)).toMatchObject({ ok: false, issues: [{ path, message }] });
  });

  it('takes other limits from the route', () => {
    expect(parseJsonBody('[[1]]', { maxDepth: 1 })).toMatchObject({ ok: false });
    expect(parseJsonBody(nested(100), { maxDepth: 100 })).toMatchObject({ ok: true });
  });

  it('survives a million brackets', () => {
    expect(parseJsonBody('['.repeat(1_000_000))).toMatchObject({ ok: false, detail: 'line 1, column 65: nested deeper than 64' });
  });

  const isForbidden = (value: unknown): boolean => {
    if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed();
    if (typeof value === 'number') return /^-?\d+$/.test(String(value)) && !Number.isSafeInteger(value);
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([key, below]) => isReservedKey(key) || isForbidden(key) || isForbidden(below));
  };

  it('accepts every JSON value without something forbidden, and gives the same value', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary', maxDepth: 6 }), fc.constantFrom(0, 1, '\t'), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const result = parseJsonBody(JSON.stringify(value, null, indent));
        if (isForbidden(value)) expect(result.ok).toBe(false);
        else expect(result).toEqual({ ok: true, value });
      }),
      { numRuns: 3_000 },
    );
  });

  it('agrees with JSON.parse on the syntax of texts that are nearly JSON', () => {
    const bits = fc.constantFrom(
      ...'{}[],:"\\0123456789-+.eEu ntfx\u0000\u001f\ufeff\u00a0\ud83d'.split(''),
      '""',
      '"a":',
      'true',
      '\\u12',
      '1e9',
      '//',
    );
    const texts = fc.oneof(
      fc.tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.nat(3), fc.oneof(bits, fc.constant(''))).map(([text, where, cut, bit]) => {
        const at = where % (text.length + 1);
        return text.slice(0, at) + bit + text.slice(at + cut);
      }),
      fc.array(bits, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = parseJsonBody(text);
        if (result.ok) expect(result.value).toEqual(JSON.parse(text));
        else if (result.issues.length === 0) expect(() => JSON.parse(text)).toThrow();
      }),
      { numRuns: 20_000 },
    );
  });

  it('refuses an object exactly when two of its decoded keys are equal', () => {
    const escaped = (key: string) => `"${[...key].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
    const key = fc.tuple(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 3 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(key, { maxLength: 20 }), (members) => {
        const text = `{${members.map(([name, hide]) => `${hide ? escaped(name) : `"${name}"`}:1`).join(',')}}`;
        expect(parseJsonBody(text).ok).toBe(new Set(members.map(([name]) => name)).size === members.length);
      }),
    );
  });
});
