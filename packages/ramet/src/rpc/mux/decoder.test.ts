import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameDecoder } from './decoder.ts';
import { FrameWriter } from './frame-writer.ts';
import { HEADER_BYTES, MAGIC } from './wire.ts';

const FRAME_BYTES = 1_000;

interface Seen {
  readonly frames: { readonly type: number; readonly flags: number; readonly id: number; readonly body: Buffer }[];
  readonly oversized: number[];
  readonly malformed: string[];
  /** Most that was kept of what was not whole. */
  kept: number;
}

/** Decodes bytes that arrive in these pieces. @returns everything that the decoder reports */
function told(pieces: readonly Uint8Array[]): Seen {
  const seen: Seen = { frames: [], oversized: [], malformed: [], kept: 0 };
  const decoder = new FrameDecoder(
    {
      frame: ({ type, flags, id }, bytes, start, end) => {
        if (start < 0 || end > bytes.length || start > end) throw new Error('a body outside of its bytes');
        seen.frames.push({ type, flags, id, body: Buffer.from(bytes.subarray(start, end)) });
      },
      oversized: (_, id) => seen.oversized.push(id),
      malformed: (why) => seen.malformed.push(why),
    },
    FRAME_BYTES,
  );
  for (const piece of pieces) {
    decoder.push(Buffer.from(piece));
    seen.kept = Math.max(seen.kept, decoder.keptBytes);
  }
  return seen;
}

/** Cuts bytes at these places. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

function frame(type: number, flags: number, id: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  bytes.writeUInt32BE(bytes.length - 4);
  bytes[4] = type;
  bytes[5] = flags;
  bytes.writeUInt32BE(id, 6);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    id: fc.nat(2 ** 32 - 1),
    body: fc.uint8Array({ maxLength: FRAME_BYTES - HEADER_BYTES }),
  }),
  { maxLength: 8 },
);

describe('a decoder', () => {
  test('gives the same frames however they arrive', () => {
    fc.assert(
      fc.property(frames, cuts, (given, at) => {
        const bytes = Buffer.concat([MAGIC, ...given.map(({ type, flags, id, body }) => frame(type, flags, id, body))]);
        const seen = told(cut(bytes, at));
        expect(seen.frames).toEqual(given.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body) })));
        expect(seen.malformed).toEqual([]);
      }),
    );
  });

  test('never throws, reports noise once, and keeps no more than one frame, whatever arrives', () => {
    const noise = fc.uint8Array({ maxLength: 5_000 });
    fc.assert(
      fc.property(noise, cuts, fc.boolean(), (bytes, at, greeted) => {
        const seen = told(cut(greeted ? Buffer.concat([MAGIC, bytes]) : bytes, at));
        expect(seen.kept).toBeLessThanOrEqual(FRAME_BYTES);
        expect(seen.malformed.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1_000 },
    );
  });

  test('never throws for frames with changed bytes, and never reports more than was sent', () => {
    fc.assert(
      fc.property(frames, cuts, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (given, at, changes) => {
        const bytes = Buffer.concat([MAGIC, ...given.map(({ type, flags, id, body }) => frame(type, flags, id, body))]);
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte;
        const seen = told(cut(bytes, at));
        const told_ = seen.frames.reduce((sum, { body }) => sum + HEADER_BYTES + body.length, 0);
        expect(told_).toBeLessThanOrEqual(bytes.length);
        expect(seen.kept).toBeLessThanOrEqual(FRAME_BYTES);
      }),
      { numRuns: 1_000 },
    );
  });

  test('allocates nothing for what is only announced', () => {
    const announced = frame(2, 0, 1, Buffer.alloc(0));
    announced.writeUInt32BE(FRAME_BYTES - 4);
    expect(told([MAGIC, announced]).kept).toBeLessThan(50);
  });

  test('skips a frame that is too large, reports it, and continues after it', () => {
    fc.assert(
      fc.property(fc.integer({ min: FRAME_BYTES + 1, max: 15 * FRAME_BYTES }), cuts, (size, at) => {
        const large = frame(2, 0, 77, Buffer.alloc(size - HEADER_BYTES, 0x41));
        const seen = told(cut(Buffer.concat([MAGIC, frame(1, 0, 1, Buffer.from('a')), large, frame(3, 0, 2, Buffer.from('b'))]), at));
        expect(seen.oversized).toEqual([77]);
        expect(seen.frames.map(({ id }) => id)).toEqual([1, 2]);
        expect(seen.kept).toBeLessThanOrEqual(FRAME_BYTES);
      }),
      { numRuns: 50 },
    );
  });

  test('ignores everything from a peer that speaks another protocol', () => {
    expect(told([Buffer.from('GET / HTTP/1.1\r\n\r\n')])).toMatchObject({ frames: [], malformed: ['the other side does not speak mux'] });
    expect(told([MAGIC, Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6]), frame(1, 0, 1, Buffer.alloc(0))])).toMatchObject({
      frames: [],
      malformed: ['a frame of 4294967295 bytes'],
    });
  });
});

describe('a frame writer', () => {
  const sink = () => {
    const written: Buffer[] = [];
    return { written, writableLength: 0, cork: () => {}, uncork: () => {}, write: (bytes: Uint8Array) => written.push(Buffer.from(bytes)) };
  };

  test('writes what a decoder reads, whatever the texts', () => {
    // A number stands for a text as long: fast-check takes its time over long ones.
    const texts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(-30_000, 70_000)), { maxLength: 6 });
    const textOf = (of: string | number) => (typeof of === 'string' ? of : of < 0 ? '€'.repeat(-of) : 'x'.repeat(of));
    fc.assert(
      fc.property(texts, (stands) => {
        const given = stands.map(textOf);
        const to = sink();
        const writer = new FrameWriter(to);
        for (const [i, text] of given.entries()) expect(writer.frame(4, i, i, text)).toBe(Buffer.byteLength(text));
        writer.flush();
        const seen: string[] = [];
        const decoder = new FrameDecoder(
          {
            frame: (_head, bytes, start, end) => void seen.push(bytes.toString('utf8', start, end)),
            oversized: () => {},
            malformed: () => {},
          },
          1_000_000,
        );
        decoder.push(Buffer.concat([MAGIC, ...to.written]));
        expect(seen.length).toBe(given.length);
        expect(seen.every((text, i) => text === Buffer.from(given[i] as string).toString())).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('writes once for all frames of a turn', async () => {
    const to = sink();
    const writer = new FrameWriter(to);
    for (let i = 0; i < 100; i++) writer.frame(4, 0, i, 'reply');
    expect(to.written).toHaveLength(0);
    expect(writer.unsentBytes).toBe(1_500);
    await Promise.resolve().then(() => writer.frame(4, 0, 100, 'reply'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(to.written.map(({ length }) => length)).toEqual([1_515]);
    expect(writer.turn).toBe(1);
  });
});
