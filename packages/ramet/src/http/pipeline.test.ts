import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { get, post, serve, text, until, Wire } from './raw.fixture.ts';

const CHUNKED = 'transfer-encoding: chunked';
const head = (...headers: string[]) => ['POST /refused HTTP/1.1', ...headers, '', ''].join('\r\n');

/** What is refused, and with which status. */
const REFUSED: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['two codings', `${head('host: a', 'transfer-encoding: gzip, chunked')}0\r\n\r\n`, 400],
  ['two hosts', head('host: a', 'host: b'), 400],
  ['no host', head(), 400],
  ['a dot segment', 'POST /a/../b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['an absolute target', get('http://a/b'), 400],
  ['an unknown expectation', head('host: a', 'expect: miracles'), 417],
  ['101 headers', head('host: a', ...Array.from({ length: 100 }, (_, i) => `x-${i}: 1`)), 431],
  ['a head of 20 kB', head('host: a', `x: ${'x'.repeat(20_000)}`), 431],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['another version', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n', 505],
  ['a body of which too much is announced', head('host: a', 'content-length: 99999999'), 413],
  ['a broken length', head('host: a', 'content-length: 1x'), 400],
  ['no HTTP', 'EHLO a\r\n\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
];

describe('after a refusal the connection is closed, and the requests behind it do not run', () => {
  test.each(REFUSED)('%s', async (_, bytes, status) => {
    await using t = await serve(async () => text('ran'));
    const wire = await Wire.ask(t.port, bytes + post('/behind', '{}') + get('/behind'));
    expect(wire.statuses).toEqual([status]);
    expect(wire.received).toMatch(/^connection: close\r$/im);
    expect(wire.received).toContain('application/problem+json');
    expect(JSON.parse(wire.received.slice(wire.received.indexOf('\r\n\r\n') + 4))).toMatchObject({ status });
    expect(t.ran).toEqual([]);
    expect(t.refused).toMatchObject([{ status, client: '127.0.0.1' }]);
  });

  test.each(REFUSED)('in order, while a request before it still runs: %s', async (_, bytes, status) => {
    const slow = Promise.withResolvers<void>();
    await using t = await serve(async () => slow.promise.then(() => text('whole answer')));
    const wire = await Wire.open(t.port);
    wire.socket.write(post('/command', '{}') + bytes + get('/behind'));
    await until(() => t.refused.length > 0 || t.server.inFlight > 1, 'the refusal');
    await sleep(20);
    expect(wire.received).toBe('');
    slow.resolve();
    await until(() => wire.closed, 'the end');
    // The refusal, or only the end.
    expect([[200], [200, status]]).toContainEqual(wire.statuses);
    expect(wire.received).toContain('\r\n\r\nwhole answer');
    expect(t.ran).toEqual(['/command']);
  });

  test('sent in pieces, at every place', async () => {
    await using t = await serve(async () => text('ran'));
    const bytes = `${head('host: a', 'host: b')}${get('/behind')}`;
    for (let at = 1; at < bytes.length; at += 3) {
      const wire = await Wire.open(t.port);
      wire.socket.write(bytes.slice(0, at));
      await sleep(1);
      wire.socket.write(bytes.slice(at));
      await until(() => wire.closed, 'the end');
      expect(wire.statuses).toEqual([400]);
    }
    expect(t.ran).toEqual([]);
  });
});

describe('requests that were sent ahead', () => {
  test('run one after another, and are answered in order', async () => {
    let running = 0;
    let most = 0;
    await using t = await serve(async (exchange, path) => {
      most = Math.max(most, ++running);
      await sleep(path === '/0' ? 30 : 1);
      await exchange.body();
      running--;
      return text(path);
    });
    const wire = await Wire.open(t.port);
    wire.socket.write(Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? post(`/${i}`, '{}') : get(`/${i}`))).join(''));
    await until(() => wire.statuses.length === 20, '20 answers');
    expect(most).toBe(1);
    expect(t.ran).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}`));
    const paths = [...wire.received.matchAll(/\r\n\r\n(\/\d+)/g)].map(([, path]) => path);
    expect(paths).toEqual(t.ran);
    wire.socket.destroy();
  });

  test('do not run once the client has left', async () => {
    const slow = Promise.withResolvers<void>();
    await using t = await serve(async (_, path) => {
      if (path === '/slow') await slow.promise;
      return text(path);
    });
    const wire = await Wire.open(t.port);
    wire.socket.write(get('/slow') + post('/behind', '{}'));
    await until(() => t.server.inFlight === 2, 'both');
    wire.socket.resetAndDestroy();
    await until(() => t.server.inFlight === 0, 'the end');
    slow.resolve();
    await until(() => t.ran.length === 1, 'the first to end');
    await sleep(20);
    expect(t.ran).toEqual(['/slow']);
  });

  const EXPECTS = 'expect: 100-continue';
  test.each([
    ['when the client requests it', get('/last', 'connection: close')],
    ['when a client waits for 100 Continue and has no body', get('/last', EXPECTS)],
    ['when a client waits for 100 Continue with an empty body', post('/last', '', EXPECTS)],
    ['when a body arrived without 100 Continue', post('/last', '{}', EXPECTS)],
    ['when the client would continue in another protocol', get('/last', 'connection: upgrade', 'upgrade: websocket')],
    ['the same, with a body', post('/last', '{}', 'connection: upgrade', 'upgrade: websocket')],
    ['when the end of the connection ends a stream', get('/stream', 'connection: keep-alive').replace('1.1', '1.0')],
  ])('do not run behind an answer that ends the connection: %s', async (_, last) => {
    await using t = await serve(async (_exchange, path) => {
      if (path !== '/stream') return text(path);
      const lines = async function* () {
        yield 'line\n';
        await sleep(20);
      };
      return { status: 200, headers: {}, lines: lines() };
    });
    const together = await Wire.ask(t.port, last + post('/behind', '{}') + get('/behind'));
    const apart = await Wire.open(t.port);
    apart.socket.write(last);
    await until(() => apart.statuses.length > 0, 'the answer');
    apart.socket.write(post('/behind', '{}'));
    await until(() => apart.closed, 'the end');
    for (const wire of [together, apart]) {
      expect(wire.statuses).toEqual([200]);
      expect(wire.received).toMatch(/^connection: close\r$/im);
    }
    expect(t.ran).not.toContain('/behind');
  });

  test('have their turn behind a body that a handler requested', async () => {
    await using t = await serve(async (exchange, path) => text(`${path} ${(await exchange.body())?.length}`));
    const wire = await Wire.ask(t.port, post('/first', '{}', EXPECTS) + get('/last', 'connection: close'));
    expect(wire.statuses).toEqual([100, 200, 200]);
    expect(t.ran).toEqual(['/first', '/last']);
  });

  test('are limited, over all connections', async () => {
    const first = Promise.withResolvers<void>();
    await using t = await serve(async () => {
      await first.promise;
      return text('answer');
    });
    const wires = await Promise.all(Array.from({ length: 25 }, () => Wire.open(t.port)));
    for (const wire of wires) wire.socket.write(get('/one').repeat(950));
    let held = 0;
    await until(() => {
      const now = t.server.inFlight;
      const same = now > wires.length && now === held;
      held = now;
      return same;
    }, 'what is held not to grow');
    expect(held).toBeLessThanOrEqual(20_000 + wires.length);
    first.resolve();
    await until(() => t.server.inFlight === 0, 'all that was taken to be answered', 60_000);
    expect(t.ran).toHaveLength(held);
    const again = await Wire.open(t.port);
    again.socket.write(get('/one').repeat(900) + get('/one', 'connection: close'));
    await until(() => again.closed, '901 answers');
    expect(again.statuses).toHaveLength(901);
    for (const wire of wires) wire.socket.destroy();
  }, 90_000);

  test('may be many', async () => {
    await using t = await serve(async (exchange, path) => text(`${path} ${(await exchange.body())?.length}`));
    const all = Array.from({ length: 900 }, (_, i) => `/${i}`);
    const wire = await Wire.open(t.port);
    wire.socket.write(all.map((path) => post(path, '{}')).join(''));
    await until(() => wire.statuses.length === 900, '900 answers');
    expect(t.ran).toEqual(all);
    // Many more, while they are answered.
    for (let i = 0; i < 90; i++) wire.socket.write(get('/more'));
    await until(() => wire.statuses.length === 990, '90 more');
    wire.socket.destroy();
  });

  test.each([
    ['requests', get('/one')],
    ['bytes', post('/one', 'x'.repeat(20_000))],
  ])('are answered up to the limit: %s', async (_, request) => {
    const first = Promise.withResolvers<void>();
    let held = 0;
    await using t = await serve(async (exchange) => {
      await first.promise;
      await exchange.body();
      return text('answer');
    });
    const wire = await Wire.open(t.port);
    wire.socket.write(request.repeat(3_000));
    await until(() => {
      const now = t.server.inFlight;
      const same = now > 1 && now === held;
      held = now;
      return same;
    }, 'what is held not to grow');
    expect(held).toBeLessThanOrEqual(1_001);
    if (request.length > 1_000) expect(held * request.length).toBeLessThan(500_000);
    first.resolve();
    await until(() => wire.closed, 'the end');
    expect(wire.statuses).toEqual(t.ran.map(() => 200));
    expect(t.ran.length).toBe(held);
  });
});

describe('an error of the parser', () => {
  test('is never written into a streamed answer', async () => {
    const more = Promise.withResolvers<void>();
    await using t = await serve(async () => ({
      status: 200,
      headers: {},
      lines: (async function* () {
        yield 'first\n';
        await more.promise;
        yield 'second\n';
      })(),
    }));
    const wire = await Wire.open(t.port);
    wire.socket.write(get('/stream'));
    await until(() => wire.received.includes('first'), 'the first line');
    wire.socket.write('rubbish\r\n\r\n');
    await until(() => t.refused.length === 1, 'the refusal');
    more.resolve();
    await until(() => wire.closed, 'the end');
    expect(wire.statuses).toEqual([200]);
    expect(wire.received.slice(wire.received.indexOf('\r\n\r\n') + 4)).toBe('6\r\nfirst\n\r\n7\r\nsecond\n\r\n0\r\n\r\n');
  });

  test('in a body answers its request, which does not run', async () => {
    await using t = await serve(async (exchange) => text(String((await exchange.body())?.length)));
    await using u = await serve(async (exchange) => {
      // A late decision, as after the verification of a token.
      await sleep(20);
      return text(String((await exchange.body())?.length));
    });
    for (const { port, ran, refused } of [t, u]) {
      const wire = await Wire.ask(port, `${head('host: a', CHUNKED)}2\r\n{}\r\nzz\r\n\r\n${get('/behind')}`);
      expect(wire.statuses).toEqual([400]);
      expect(ran).toEqual([]);
      expect(refused).toMatchObject([{ status: 400, reason: 'MalformedRequest' }]);
    }
  });
});
