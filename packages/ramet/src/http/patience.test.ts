import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Platform } from '../platform/index.ts';
import { get, post, platform as real, serve, text, until, Wire } from './raw.fixture.ts';

/* How long a server waits for clients, and how much it holds of what they send. */

/** A platform whose time runs so many times as fast. */
const hurriedBy = (factor: number): Platform => ({
  ...real,
  clock: { ...real.clock, monoNow: () => real.clock.monoNow() * factor },
  timers: { ...real.timers, set: (delayMs, fire) => real.timers.set(delayMs / factor, fire) },
});
const hurried = hurriedBy(50);
const MIB = 1024 * 1024;
const upload = (length: number, ...headers: string[]) =>
  ['POST /upload HTTP/1.1', 'host: a', `content-length: ${length}`, ...headers, '', ''].join('\r\n');

describe('a body', () => {
  test('that arrives too slowly is refused, and its request does not run', async () => {
    await using t = await serve(async (exchange) => text(String((await exchange.body())?.length)), { platform: hurried });
    const wire = await Wire.open(t.port);
    wire.socket.write(upload(1_000));
    const drip = setInterval(() => wire.socket.write('x'), 20);
    await until(() => wire.closed, 'the refusal');
    clearInterval(drip);
    expect(wire.statuses).toEqual([408]);
    expect(wire.received).toContain('urn:ramet:error:RequestTimeout');
    expect(t.ran).toEqual([]);
  });

  test('that is long may take its time while it keeps arriving', async () => {
    await using t = await serve(async (exchange) => text(String((await exchange.body())?.length)), { platform: hurried });
    const wire = await Wire.open(t.port);
    // Ten times the patience for the first byte.
    wire.socket.write(upload(100_000, 'connection: close'));
    for (let i = 0; i < 10; i++) {
      wire.socket.write('x'.repeat(10_000));
      await sleep(100);
    }
    await until(() => wire.closed, 'the answer');
    expect(wire.statuses).toEqual([200]);
    expect(wire.received).toMatch(/\r\n\r\n100000$/);
  });

  test('that is too long is refused while it arrives', async () => {
    await using t = await serve(async (exchange) => text(String((await exchange.body())?.length)));
    const wire = await Wire.open(t.port);
    const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`;
    wire.socket.write('POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    for (let i = 0; i < 40 && !wire.closed; i++) await new Promise((sent) => wire.socket.write(chunk, sent));
    await until(() => wire.statuses.length > 0, 'the refusal');
    expect(wire.statuses).toEqual([413]);
    expect(t.ran).toEqual([]);
  });

  test('that no handler has requested yet is hardly read', async () => {
    const decided = Promise.withResolvers<void>();
    let read = () => 0;
    await using t = await serve(async (exchange) => {
      const { socket } = exchange.request;
      read = () => socket.bytesRead;
      await decided.promise;
      return text('refused', 403);
    });
    const wire = await Wire.open(t.port);
    wire.socket.write(upload(MIB) + 'x'.repeat(MIB));
    await until(() => read() > 60 * 1024, 'the first of it');
    await sleep(100);
    expect(read()).toBeLessThan(300 * 1024);
    decided.resolve();
    await until(() => wire.closed, 'the end');
    expect(wire.statuses).toEqual([403]);
  });

  test.each([1, 7, 1_000, 70_000])('is the same however its client splits it: %i bytes at a time', async (size) => {
    await using t = await serve(async (exchange, path) => {
      // One body waits, and one is being read.
      if (path === '/later') await sleep(50);
      return text(Buffer.from((await exchange.body()) ?? []).toString('latin1'));
    });
    const whole = Array.from({ length: 5_000 + size * 2 }, (_, i) => String.fromCharCode(0x21 + ((i * 7) % 90))).join('');
    const pieces = whole.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    const cut = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
    const ask = (path: string, ...headers: string[]) =>
      [`POST ${path} HTTP/1.1`, 'host: a', 'transfer-encoding: chunked', ...headers, '', `${cut}0\r\n\r\n`].join('\r\n');
    const wire = await Wire.ask(t.port, ask('/later') + ask('/last', 'connection: close'));
    const bodies = wire.received.split('HTTP/1.1 200 OK').map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4));
    expect(bodies.slice(1)).toEqual([whole, whole]);
  });

  test('in too many pieces is refused', async () => {
    await using t = await serve(async (exchange) => text(String((await exchange.body())?.length)));
    const head = 'POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n';
    const taken = await Wire.ask(t.port, `${head}${'1\r\nx\r\n'.repeat(16_384)}0\r\n\r\n`);
    expect(taken.received).toMatch(/\r\n\r\n16384$/);
    const wire = await Wire.ask(t.port, `${head}${'1\r\nx\r\n'.repeat(100_000)}0\r\n\r\n`);
    expect(wire.statuses).toEqual([413]);
    expect(wire.received).toContain('16384 pieces');
    expect(t.ran).toHaveLength(1);
  });

  test('takes the memory of its bytes while it waits, however its client splits it', async () => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    const heldMb = () => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return (heapUsed + external) / MIB;
    };
    const never = new Promise<never>(() => {});
    const read: (() => number)[] = [];
    await using t = await serve((exchange) => {
      const { socket } = exchange.request;
      read.push(() => socket.bytesRead);
      return never;
    });
    const before = heldMb();
    const cut = '1\r\nx\r\n'.repeat(60_000);
    const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(t.port)));
    for (const wire of wires)
      wire.socket.write(`${get('/never')}POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${cut}`);
    await until(() => read.length === 10 && read.every((bytes) => bytes() > 16_384 * 6), 'what is read of each');
    await sleep(200);
    expect(heldMb() - before).toBeLessThan(30);
    for (const wire of wires) wire.socket.destroy();
  });

  test('is refused when too many bodies are held', async () => {
    const held = Promise.withResolvers<void>();
    await using t = await serve(async (exchange) => {
      await exchange.body();
      await held.promise;
      return text('taken');
    });
    const body = Buffer.alloc(MIB, 'x');
    const wires = await Promise.all(Array.from({ length: 132 }, () => Wire.open(t.port)));
    for (const wire of wires) {
      wire.socket.write(upload(MIB, 'connection: close'));
      wire.socket.write(body);
    }
    const refused = () => wires.filter((wire) => wire.statuses[0] === 503);
    await until(() => refused().length >= 4, 'the refusals');
    held.resolve();
    await until(() => wires.every((wire) => wire.closed), 'the end');
    const statuses = wires.map((wire) => wire.statuses[0]);
    expect(statuses.filter((status) => status === 200).length + refused().length).toBe(132);
    // The memory of its bytes is released.
    const after = await Wire.ask(t.port, post('/upload', 'x'.repeat(1_000), 'connection: close'));
    expect(after.statuses).toEqual([200]);
  });
});

describe('a client that does not read', () => {
  test('loses its answer', async () => {
    await using t = await serve(async () => text('x'.repeat(32 * MIB)), { platform: hurriedBy(1_000) });
    const wire = await Wire.open(t.port);
    wire.socket.pause();
    wire.socket.write(get('/long'));
    // 30 seconds, and one more for each 16 kB.
    await until(() => t.server.inFlight === 1, 'the request');
    await until(() => t.server.inFlight === 0, 'the end of the connection');
    wire.socket.destroy();
  });

  test('loses its stream, which ends', async () => {
    let open = 0;
    let made = 0;
    await using t = await serve(
      async () => ({
        status: 200,
        headers: {},
        lines: (async function* () {
          open++;
          try {
            for (;;) {
              made++;
              yield 'x'.repeat(64 * 1024);
            }
          } finally {
            open--;
          }
        })(),
      }),
      { platform: hurried },
    );
    const wire = await Wire.open(t.port);
    wire.socket.pause();
    wire.socket.write(get('/stream'));
    await until(() => open === 1, 'the stream');
    await until(() => open === 0 && t.server.inFlight === 0, 'its end');
    expect(made).toBeLessThan(1_000);
    wire.socket.destroy();
  });
});

test('an incomplete head is refused after ten seconds, not half a minute later', { timeout: 30_000 }, async () => {
  await using t = await serve(async () => text('ran'));
  const startedMono = performance.now();
  const [partial, silent] = [await Wire.open(t.port), await Wire.open(t.port)];
  partial.socket.write('GET / HTTP/1.1\r\nhost');
  await until(() => partial.closed && silent.closed, 'the end of both', 25_000);
  expect(performance.now() - startedMono).toBeLessThan(15_000);
  expect(partial.statuses).toEqual([408]);
  // It has sent no request that could be refused.
  expect(silent.received).toBe('');
  expect(t.refused).toMatchObject([{ status: 408, reason: 'RequestTimeout', client: '127.0.0.1' }]);
});
