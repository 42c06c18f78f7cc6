import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Dispatcher } from '../call.ts';
import { NEVER } from '../cancellation.ts';
import { FrameWriter } from './frame-writer.ts';
import { encodeHello } from './hello.ts';
import { answering, META, Site } from './mux.fixture.ts';
import { FINAL, FRAME, LIMITS, MAGIC } from './wire.ts';

const HELLO = { least: 1, most: 1, process: 'stranger', payloadBytes: LIMITS.payloadBytes, windowBytes: LIMITS.windowBytes };
const target = { service: 'stock', operation: 'look' };
const call = (more: unknown = 0, input: unknown = {}) => JSON.stringify(['stock', 'look', 5_000, 1, 'c', 't', more, input]);

let site: Site;
let sockets: Socket[];
let calls: number;
let aborted: number;

beforeEach(() => {
  [site, sockets, calls, aborted] = [new Site(), [], 0, 0];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await site.close();
});

const counting: Dispatcher = {
  async call(_, input, __, cancellation) {
    calls++;
    if (input !== 'wait') return { ok: true, value: input };
    cancellation.signal.addEventListener('abort', () => aborted++);
    return new Promise(() => {});
  },
  stream: answering(async function* () {
    for (;;) yield 'x'.repeat(100);
  }).stream,
};

/** A client that sends frames by hand. */
class Stranger {
  readonly socket: Socket;
  readonly out: FrameWriter;
  received = 0;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    sockets.push(this.socket);
    this.out = new FrameWriter(this.socket);
    this.socket.on('data', (chunk) => {
      this.received += chunk.length;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  greet(hello: object = HELLO): this {
    this.out.raw(MAGIC);
    this.out.frame(FRAME.hello, 0, 0, encodeHello(hello as typeof HELLO));
    return this;
  }

  token(slot = 0): this {
    this.out.frame(FRAME.token, 0, slot, JSON.stringify({ caller: META.caller, from: 'web', to: 'stock' }));
    return this;
  }
}

describe('a server', () => {
  /** Each is the only thing that is wrong. */
  const wrong: Record<string, (stranger: Stranger) => unknown> = {
    'another protocol': ({ socket }) => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
    'a call before its hello': ({ out }) => {
      out.raw(MAGIC);
      out.request(FRAME.call, 1, 0, call());
    },
    'two hellos': (stranger) => {
      stranger.greet();
      stranger.out.frame(FRAME.hello, 0, 0, encodeHello(HELLO));
    },
    'a hello that is none': ({ out }) => {
      out.raw(MAGIC);
      out.frame(FRAME.hello, 0, 0, '[]');
    },
    'only later versions': (stranger) => stranger.greet({ ...HELLO, least: 7, most: 9 }),
    'a token that was not announced': (stranger) => stranger.greet().out.request(FRAME.call, 1, 5, call()),
    'a token with a number that is too large': (stranger) => stranger.greet().token(5_000),
    'a call that is not JSON': (stranger) => stranger.greet().token().out.request(FRAME.call, 1, 0, '{'),
    'a call that is not a list': (stranger) => stranger.greet().token().out.request(FRAME.call, 1, 0, '{"service":"stock"}'),
    'a call without an id': (stranger) => stranger.greet().token().out.request(FRAME.call, 0, 0, call()),
    'a call of a single byte': (stranger) => stranger.greet().token().out.frame(FRAME.call, 0, 1, 'x'),
    'two calls with one id': (stranger) => {
      stranger.greet().token().out.request(FRAME.call, 1, 0, call(0, 'wait'));
      stranger.out.request(FRAME.call, 1, 0, call());
    },
    'a frame of a type that must be known': (stranger) => stranger.greet().out.frame(100, 0, 1, ''),
    'a credit of no size': (stranger) => {
      stranger.greet().token().out.request(FRAME.stream, 1, 0, call());
      stranger.out.frame(FRAME.credit, 0, 1, 'x');
    },
    'a length that no frame has': (stranger) => stranger.greet().out.raw(Buffer.alloc(64, 0xff)),
  };

  test.each(Object.keys(wrong))('ends the connection of a client that sends %s, and no other', async (name) => {
    const { port } = await site.serve('stock', counting);
    const transport = site.process('web').from('web');
    expect(await transport.call(target, 1, META, NEVER)).toEqual({ ok: true, value: 1 });
    const stranger = new Stranger(port);
    wrong[name]?.(stranger);
    await site.until('the stranger is gone', () => stranger.closed);
    expect(site.errors).toHaveLength(1);
    expect((site.errors[0] as Error).name).toBe('ProtocolError');
    expect(await transport.call(target, 2, META, NEVER)).toEqual({ ok: true, value: 2 });
    expect(site.servers[0]?.inFlight).toBe(0);
  });

  test('passes over frames of later versions, and answers pings', async () => {
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port).greet().token();
    stranger.out.frame(200, 3, 4, 'of tomorrow');
    await site.until('it has answered with its hello', () => stranger.received > 0);
    const before = stranger.received;
    stranger.out.frame(FRAME.ping, 0, 9);
    await site.until('it has answered the ping', () => stranger.received === before + 10);
    stranger.out.request(FRAME.call, 1, 0, call({ later: [1] }));
    await site.until('it has answered', () => stranger.received > before + 10);
    expect(calls).toBe(1);
    expect(stranger.closed).toBe(false);
  });

  test('begins nothing without a valid token', async () => {
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port).greet();
    stranger.out.frame(FRAME.token, 0, 0, 'forged');
    stranger.out.frame(FRAME.token, 0, 1, JSON.stringify({ caller: META.caller, from: 'web', to: 'payments' }));
    stranger.out.request(FRAME.call, 1, 0, call());
    stranger.out.request(FRAME.call, 2, 1, call());
    const text: string[] = [];
    stranger.socket.on('data', (chunk) => text.push(chunk.toString()));
    await site.until('both are answered', () => text.join('').includes('Internal') && text.join('').includes('Forbidden'));
    expect(calls).toBe(0);
  });

  test('refuses more calls at once than it takes of one process', async () => {
    site = new Site({ limits: { callsPerConnection: 3, streamsPerConnection: 1 } });
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port).greet().token();
    let text = '';
    stranger.socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    for (let id = 1; id <= 10; id++) stranger.out.request(FRAME.call, id, 0, call(0, 'wait'));
    await site.until('seven are refused', () => text.split('Overloaded').length === 8);
    expect(calls).toBe(3);
    stranger.socket.destroy();
    await site.until('those that ran are aborted', () => aborted === 3);
  });

  test('keeps little for a client that reads nothing, and reads no more of its calls', async () => {
    site = new Site({ limits: { unsentBytes: 1_000_000 } });
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port).greet().token();
    await site.until('it is connected', () => stranger.received > 0);
    stranger.socket.pause();
    const large = 'x'.repeat(100_000);
    for (let id = 1; id <= 300; id++) stranger.out.request(FRAME.call, id, 0, call(0, large));
    await site.until('some of them run', () => calls > 5);
    await site.platform.timers.sleep(300);
    // What the network itself holds, and what is allowed to wait: of thirty megabytes.
    expect(calls).toBeLessThan(200);
    stranger.socket.resume();
    await site.until('it continues', () => calls === 300);
  });

  test('disconnects a client that says nothing', async () => {
    site = new Site({ connectMs: 50 });
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port);
    await site.until('it is gone', () => stranger.closed);
  });

  test('takes an end of the other direction for the end', async () => {
    const { port } = await site.serve('stock', counting);
    const stranger = new Stranger(port).greet().token();
    stranger.out.request(FRAME.call, 1, 0, call(0, 'wait'));
    await site.until('it runs', () => calls === 1);
    stranger.socket.end();
    await site.until('it is aborted', () => aborted === 1);
  });
});

describe('a client', () => {
  /** A server that answers each connection by hand. */
  async function impostor(speak: (socket: Socket, out: FrameWriter) => void): Promise<void> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      speak(socket, new FrameWriter(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    site.addresses = [{ id: 'one', host: '127.0.0.1', port: (server.address() as AddressInfo).port }];
    sockets.push({ destroy: () => server.close() } as unknown as Socket);
  }

  const greeting = (out: FrameWriter, hello: object = HELLO) => {
    out.raw(MAGIC);
    out.frame(FRAME.hello, 0, 0, encodeHello(hello as typeof HELLO));
  };

  /** Reports each call that arrives, by its number. */
  function onCalls(socket: Socket, then: (id: number) => void): void {
    let [text, seen] = ['', 0];
    socket.on('data', (chunk) => {
      text += chunk.toString();
      while (text.split('"stock","look"').length - 1 > seen) then(++seen);
    });
  }

  test('says which versions do not fit, and that nothing was done', async () => {
    await impostor((_, out) => greeting(out, { ...HELLO, least: 2, most: 3, process: 'stock-of-tomorrow' }));
    const reply = await site.process('web').from('web').call(target, {}, META, NEVER);
    expect(reply).toMatchObject({ code: 'Unavailable', executed: 'no' });
    expect((reply as { detail: string }).detail).toContain(
      "process 'stock-of-tomorrow' speaks mux versions 2 to 3, and this one version 1: deploy releases",
    );
  });

  test.each([
    ['another protocol', (out: FrameWriter) => out.raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), 'no'],
    ['a reply that is not JSON', (out: FrameWriter) => out.frame(FRAME.reply, 0, 1, '{'), 'unknown'],
    ['a reply of no kind', (out: FrameWriter) => out.frame(FRAME.reply, 9, 1, '{}'), 'unknown'],
    ['an answer of a stream to a call', (out: FrameWriter) => out.frame(FRAME.item, 0, 1, '1'), 'unknown'],
    ['an end without an answer to a call', (out: FrameWriter) => out.frame(FRAME.end, 3, 1), 'unknown'],
    ['a frame of a type that must be known', (out: FrameWriter) => out.frame(99, 0, 1), 'unknown'],
  ])('that is answered with %s answers with a fault', async (_, speak, executed) => {
    await impostor((socket, out) => {
      if (executed === 'no') speak(out);
      else {
        greeting(out);
        onCalls(socket, () => speak(out));
      }
    });
    const reply = await site.process('web').from('web').call(target, {}, META, NEVER);
    expect(reply).toMatchObject({ ok: false, kind: 'fault', code: 'Unavailable', executed });
  });

  test('that is answered with what reaches into prototypes refuses this answer alone', async () => {
    await impostor((socket, out) => {
      greeting(out);
      onCalls(socket, (id) => out.frame(FRAME.reply, 0, id, id === 1 ? '{"__proto__":{"admin":true}}' : '{"admin":false}'));
    });
    const transport = site.process('web').from('web');
    expect(await transport.call(target, {}, META, NEVER)).toMatchObject({ code: 'InvalidOutput', executed: 'unknown' });
    expect(await transport.call(target, {}, META, NEVER)).toEqual({ ok: true, value: { admin: false } });
  });

  test('that learns which call was the last to begin answers that nothing was done for those after it', async () => {
    await impostor((socket, out) => {
      greeting(out);
      onCalls(socket, (id) => {
        if (id < 3) return;
        out.frame(FRAME.goaway, FINAL, 1);
        out.flush();
        socket.end();
      });
    });
    const transport = site.process('web').from('web');
    const replies = await Promise.all([1, 2, 3].map(() => transport.call(target, {}, META, NEVER)));
    expect(replies).toMatchObject([
      { code: 'Unavailable', executed: 'unknown' },
      { code: 'ShuttingDown', executed: 'no' },
      { code: 'ShuttingDown', executed: 'no' },
    ]);
  });

  test('gives up on a server that accepts the connection and says nothing', async () => {
    site = new Site({ connectMs: 50 });
    await impostor(() => {});
    expect(await site.process('web').from('web').call(target, {}, META, NEVER)).toMatchObject({ code: 'Unavailable', executed: 'no' });
  });
});
