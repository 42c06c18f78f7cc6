import { METHODS } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { get, post, serve, text, until, Wire } from './raw.fixture.ts';

/* What no listener hears ends a process; here it is counted. */
const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);
const events = ['uncaughtException', 'unhandledRejection'] as const;
let before: (readonly [(typeof events)[number], NodeJS.UncaughtExceptionListener[]])[] = [];
beforeEach(() => {
  before = events.map((event) => [event, process.listeners(event as 'uncaughtException')]);
  for (const event of events) process.removeAllListeners(event).on(event, note);
});
afterEach(() => {
  for (const [event, listeners] of before) {
    process.removeAllListeners(event);
    for (const listener of listeners) process.on(event as 'uncaughtException', listener);
  }
  expect(uncaught.splice(0)).toEqual([]);
});

const UPGRADES = ['websocket', 'h2c', 'anything'];
/** A request of each kind that Node has an event for, and of each method that it knows. */
const KINDS: Readonly<Record<string, string>> = {
  tunnel: 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
  'tunnel with more': `CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n${get('/behind')}`,
  ...Object.fromEntries(UPGRADES.map((to) => [`upgrade to ${to}`, get('/', 'connection: upgrade', `upgrade: ${to}`)])),
  continue: `POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nbody`,
  expectation: post('/', 'body', 'expect: miracles'),
  chunks: 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
  'broken chunks': 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  'two requests': post('/1', 'body') + get('/2'),
  rubbish: 'rubbish\r\n\r\n',
  'bytes of TLS': '\x16\x03\x01\x00\xc8\x01\x00\x00',
  stream: get('/stream'),
};

async function hostile() {
  let open = 0;
  const t = await serve(async (exchange, path) => {
    if (path !== '/stream') return text(String((await exchange.body())?.length ?? 0));
    return {
      status: 200,
      headers: {},
      lines: (async function* () {
        open++;
        try {
          for (;;) {
            yield 'line\n'.repeat(100);
            await sleep(1);
          }
        } finally {
          open--;
        }
      })(),
    };
  });
  return { ...t, open: () => open, [Symbol.asyncDispose]: t[Symbol.asyncDispose] };
}

/** Nothing is left of the connections, and a polite client is served. */
async function well(t: Awaited<ReturnType<typeof hostile>>): Promise<void> {
  await until(() => t.server.inFlight === 0 && t.open() === 0, `nothing to be under way (${t.server.inFlight}, ${t.open()} streams)`);
  const wire = await Wire.ask(t.port, get('/polite', 'connection: close'));
  expect(wire.statuses).toEqual([200]);
  expect(t.errors).toEqual([]);
}

describe.each(Object.entries(KINDS))('a connection that is reset at any byte of: %s', (_, bytes) => {
  test('leaves nothing behind', async () => {
    await using t = await hostile();
    await Promise.all(
      Array.from({ length: bytes.length + 1 }, async (_each, at) => {
        const wire = await Wire.open(t.port);
        wire.socket.write(bytes.slice(0, at));
        await sleep(at % 3);
        wire.socket.resetAndDestroy();
      }),
    );
    await well(t);
  });
});

test.each(METHODS)('%s is answered or refused, and survives a reset after it', async (method) => {
  await using t = await hostile();
  const bytes = `${method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`;
  expect((await Wire.ask(t.port, bytes)).statuses).toHaveLength(1);
  for (const reset of [0, 1, 2]) {
    const wire = await Wire.open(t.port);
    wire.socket.write(bytes);
    await sleep(reset);
    wire.socket.resetAndDestroy();
  }
  await well(t);
});

test.each([KINDS['tunnel'] as string, KINDS['rubbish'] as string])(
  'a client that keeps its half open after %j is let go within seconds',
  async (bytes) => {
    await using t = await hostile();
    const wire = await Wire.open(t.port);
    wire.socket.allowHalfOpen = true;
    wire.socket.write(bytes);
    await until(() => wire.statuses.length === 1, 'the refusal');
    await until(() => wire.socket.destroyed || wire.closed || wire.socket.readableEnded, 'the end of what the server sends');
    const startedMono = performance.now();
    // Only a reset shows it: the server does not read any more.
    const writing = setInterval(() => wire.socket.write('x'), 50);
    await until(() => wire.closed, 'the connection to be released', 5_000);
    clearInterval(writing);
    expect(performance.now() - startedMono).toBeLessThan(5_000);
  },
);

test('a client that closes its sending side gets its answer, and is disconnected when the answer takes too long', async () => {
  const never = new Promise<never>(() => {});
  const cancelled: string[] = [];
  await using t = await serve(async (exchange, path) => {
    exchange.canceller.follow(() => cancelled.push(path));
    return path === '/never' ? never : text('answer');
  });
  const quick = await Wire.open(t.port);
  quick.socket.end(get('/quick'));
  await until(() => quick.closed, 'the end');
  expect(quick.statuses).toEqual([200]);
  const slow = await Wire.open(t.port);
  slow.socket.end(get('/never'));
  await until(() => t.server.inFlight === 1, 'the request');
  await until(() => t.server.inFlight === 0, 'the end of the request', 5_000);
  expect(slow.statuses).toEqual([]);
  expect(cancelled).toEqual(['/never']);
});

test('a stream ends at once when its client leaves', async () => {
  await using t = await hostile();
  for (let i = 0; i < 20; i++) {
    const wire = await Wire.open(t.port);
    wire.socket.write(get('/stream'));
    await until(() => wire.received.includes('line'), 'the stream');
    wire.socket.end();
    await until(() => t.open() === 0, 'the end of the stream', 500);
  }
});
