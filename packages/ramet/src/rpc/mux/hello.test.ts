import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../messages.ts';
import { commonVersion, decodeHello } from './hello.ts';

describe('two processes', () => {
  test('speak the highest version that both know, and none when there is none', () => {
    const versions = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 4 }))
      .map(([least, more]) => ({ least, most: least + more }));
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        const both = Array.from({ length: 20 }, (_, v) => v).filter((v) => v >= a.least && v <= a.most && v >= b.least && v <= b.most);
        expect(commonVersion(a, b)).toBe(both.at(-1));
        expect(commonVersion(b, a)).toBe(both.at(-1));
      }),
    );
  });

  test('pass over what a later version says of itself', () => {
    expect(decodeHello('{"least":1,"most":4,"process":"shop","colour":"red","payloadBytes":"much"}')).toMatchObject({
      least: 1,
      most: 4,
      process: 'shop',
      payloadBytes: 4 * 1024 * 1024,
    });
    for (const wrong of ['', 'null', '[]', '{"least":0,"most":1}', '{"least":"1","most":1}'])
      expect(() => decodeHello(wrong)).toThrow(ProtocolError);
  });
});
