import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reply } from '../call.ts';
import { NEVER } from '../cancellation.ts';
import { FrameWriter } from './frame-writer.ts';
import { encodeHello } from './hello.ts';
import { answering, META, Site } from './mux.fixture.ts';
import { FRAME, LIMITS, MAGIC } from './wire.ts';

const HELLO = { least: 1, most: 1, process: 'stranger', payloadBytes: LIMITS.payloadBytes, windowBytes: LIMITS.windowBytes };
const TOKEN = JSON.stringify({ caller: META.caller, from: 'web', to: 'stock' });
const target = { service: 'stock', operation: 'look' };

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly body: Uint8Array;
}

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const slotted = (slot: number, value: unknown) => Buffer.concat([Buffer.from([0, slot]), text(value)]);
const few = fc.integer({ min: 0, max: 4 });

/** Frames as a client sends them, and others beside them. */
const clientFrames: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({
    type: fc.constantFrom(FRAME.call, FRAME.stream),
    flags: few,
    id: few,
    body: fc.tuple(few, fc.jsonValue()).map(([slot, input]) => slotted(slot % 2, ['stock', 'look', 5_000, 1, 'c', 't', 0, input])),
  }),
  fc.record({ type: fc.constant(FRAME.token), flags: few, id: few, body: fc.constantFrom(text('forged'), Buffer.from(TOKEN)) }),
  fc.record({ type: fc.constant(FRAME.credit), flags: few, id: few, body: fc.uint8Array({ minLength: 3, maxLength: 4 }) }),
  fc.record({
    type: fc.constantFrom(FRAME.cancel, FRAME.heard, FRAME.ping, FRAME.pong, 200),
    flags: few,
    id: few,
    body: fc.constant(text('')),
  }),
  fc.record({ type: fc.nat(255), flags: fc.nat(255), id: fc.nat(), body: fc.uint8Array({ maxLength: 50 }) }),
);

/** As a server sends them. */
const serverFrames: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({ type: fc.constantFrom(FRAME.reply, FRAME.item, FRAME.end), flags: few, id: few, body: fc.jsonValue().map(text) }),
  fc.record({
    type: fc.constantFrom(FRAME.reply, FRAME.end),
    flags: fc.constantFrom(1, 2, 3),
    id: few,
    body: fc.record({ code: fc.constantFrom('Internal', 'Later', 1), error: fc.string(), status: fc.constantFrom(404, 'no') }).map(text),
  }),
  fc.record({ type: fc.constantFrom(FRAME.goaway, FRAME.ping, FRAME.pong, 200), flags: few, id: few, body: fc.constant(text('')) }),
  fc.record({ type: fc.nat(255), flags: fc.nat(255), id: fc.nat(), body: fc.uint8Array({ maxLength: 50 }) }),
);

function bytesOf(frames: readonly Sent[], first: readonly Sent[]): Buffer {
  const pieces: Uint8Array[] = [];
  const sink = { write: (bytes: Uint8Array) => pieces.push(bytes), cork: () => {}, uncork: () => {}, writableLength: 0 };
  const out = new FrameWriter(sink);
  out.raw(MAGIC);
  out.frame(FRAME.hello, 0, 0, encodeHello(HELLO));
  out.flush();
  for (const { type, flags, id, body } of [...first, ...frames]) {
    const header = Buffer.alloc(10);
    header.writeUInt32BE(6 + body.length);
    header[4] = type;
    header[5] = flags;
    header.writeUInt32BE(id, 6);
    pieces.push(header, body);
  }
  return Buffer.concat(pieces);
}

test('a server outlives whatever frames come, keeps nothing of them, and answers everybody else', async () => {
  let open = 0;
  await site.serve('stock', {
    call: async (_, input) => ({ ok: true, value: input }),
    stream: answering(async function* () {
      open++;
      try {
        for (;;) {
          await site.platform.timers.yield();
          yield 1;
        }
      } finally {
        open--;
      }
    }).stream,
  });
  const server = site.servers[0];
  const transport = site.process('web').from('web');
  await fc.assert(
    fc.asyncProperty(fc.array(clientFrames, { maxLength: 10 }), async (frames) => {
      const socket = connect(server?.port as number, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.end(bytesOf(frames, [{ type: FRAME.token, flags: 0, id: 0, body: Buffer.from(TOKEN) }]));
      await once(socket, 'close');
      expect(await transport.call(target, 'here', META, NEVER)).toEqual({ ok: true, value: 'here' });
    }),
    { numRuns: 150 },
  );
  await site.until('nothing is under way', () => server?.inFlight === 0 && open === 0);
});

test('every call and stream of a client ends, whatever frames come and however they do', async () => {
  let bytes: Buffer = Buffer.alloc(0);
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    let heard = 0;
    socket.on('data', (chunk) => {
      heard += chunk.toString().split('"look"').length - 1;
      // All three have arrived.
      if (heard >= 3) socket.end(bytes.subarray(helloBytes));
    });
    socket.write(bytes.subarray(0, helloBytes));
  });
  const helloBytes = bytesOf([], []).length;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.addresses = [{ id: 'one', host: '127.0.0.1', port: (server.address() as AddressInfo).port }];
  await fc.assert(
    fc.asyncProperty(fc.array(serverFrames, { maxLength: 10 }), async (frames) => {
      bytes = bytesOf(frames, []);
      const remote = site.process('web');
      const transport = remote.from('web');
      const read = async () => {
        const seen: Reply[] = [];
        for await (const reply of transport.stream(target, {}, META, NEVER)) seen.push(reply);
        return seen;
      };
      const ended = await Promise.all([transport.call(target, {}, META, NEVER), read(), transport.call(target, {}, META, NEVER)]);
      for (const reply of ended.flat()) expect(typeof reply.ok).toBe('boolean');
      await remote.close();
    }),
    { numRuns: 150 },
  );
  server.close();
});
