import { Agent, request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, query, stream } from '../contract/index.ts';
import { answer, type Caps, compose, expose, gateway, type Limit } from '../gateway/index.ts';
import { get, post, until, Wire } from '../http/raw.fixture.ts';
import { type Platform, realPlatform } from '../platform/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/* What strangers do to a gateway with raw bytes, and what of it takes effect. */

const Text = z.object({ text: z.string().optional(), n: z.number().optional() });
const Notes = contract('notes', {
  commands: {
    write: command({ input: Text, http: { route: 'POST /notes', status: 201 } }),
    keyed: command({ input: Text, key: 'required', http: { route: 'POST /keyed', status: 201 } }),
    own: command({ input: Text, http: { route: 'POST /own', status: 201 } }),
  },
  queries: {
    all: query({ input: z.object({}), output: z.object({ notes: z.array(z.string()) }), http: 'GET /notes' }),
    watch: stream({ input: z.object({}), output: z.object({ n: z.number() }), http: 'GET /watch' }),
  },
});

interface Options {
  readonly limit?: Limit;
  readonly caps?: Partial<Caps>;
  readonly trustedProxies?: readonly string[];
  readonly platform?: Platform;
}

async function startGateway({ platform, ...more }: Options = {}) {
  const folder = temporaryFolder();
  /** What took effect. */
  const effects: string[] = [];
  let streams = 0;
  const take = async ({ text = '' }: { text?: string | undefined }) => void effects.push(text);
  const notes = service(Notes, { store: sql({ migrations: {} }) }).implement({
    commands: { write: take, keyed: take, own: take },
    queries: {
      all: async () => {
        effects.push('query');
        return { notes: ['a', 'ä'] };
      },
      async *watch() {
        streams++;
        try {
          yield { n: 1 };
          await new Promise(() => {});
        } finally {
          streams--;
        }
      },
    },
  });
  const edge = gateway('edge', {
    ...more,
    authenticate: { issuer: 'idp', audience: 'edge', keys: 'http://127.0.0.1:1/jwks' },
    routes: [
      expose(Notes, {
        operations: {
          write: { access: 'public' },
          keyed: { access: 'public' },
          own: { access: 'authenticated' },
          all: { access: 'public' },
          watch: { access: 'public' },
        },
      }),
      compose('GET /', { access: 'public', run: () => void effects.push('root') }),
      compose('GET /split', { access: 'public', run: () => answer('x', { 'x-a': 'b\r\nset-cookie: c=d' }) }),
      compose('GET /named', { access: 'public', run: () => answer('x', { 'x a': 'b' }) }),
      compose('GET /framed', { access: 'public', run: () => answer('x', { 'Content-Length': '100' }) }),
      compose('GET /odd', { access: 'public', run: () => answer('x', {}, 99) }),
      compose('GET /picture', { access: 'public', run: () => answer('<svg/>', { 'Content-Type': 'image/svg+xml' }) }),
      compose('GET /hangs', {
        access: 'public',
        run: (_, { signal }) => {
          signal.addEventListener('abort', () => effects.push('aborted'));
          return new Promise(() => {});
        },
      }),
    ],
  });
  const lines: string[] = [];
  const runtime = await start(
    topology({
      services: { notes: async () => ({ default: notes }) },
      gateways: { edge: async () => ({ default: edge }) },
      profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
    }),
    { ports: { edge: 0 }, logLevel: 'info', logTo: (line) => void lines.push(line), ...(platform ? { platform } : {}) },
  );
  const port = runtime.ports['edge'] as number;
  return {
    port,
    effects,
    lines,
    streams: () => streams,
    ask: (bytes: string | Buffer) => Wire.ask(port, bytes),
    async [Symbol.asyncDispose]() {
      await runtime.stop();
      folder[Symbol.dispose]();
    },
  };
}

const JSON_TYPE = 'content-type: application/json';
const closing = 'connection: close';
const bodyOf = (wire: Wire): string => wire.received.slice(wire.received.indexOf('\r\n\r\n') + 4);
/** A head that announces a body of which nothing is sent. */
const headOf = (target: string, ...headers: string[]) =>
  [`POST ${target} HTTP/1.1`, 'host: a', 'content-length: 1000', JSON_TYPE, ...headers, '', ''].join('\r\n');

describe('the head decides before a byte of the body is awaited', () => {
  test.each([
    ['no token', '/own', [], 401],
    ['a token that is none', '/own', ['authorization: Bearer x.y.z'], 401],
    ['no idempotency key', '/keyed', [], 400],
    ['a key that is none', '/keyed', ['idempotency-key: a b'], 400],
    ['an unknown route', '/nowhere', [], 404],
    ['a wrong method', '/watch', [], 405],
    ['an expectation that no server meets', '/notes', ['expect: miracles'], 417],
  ] as const)('%s', async (_, target, headers, status) => {
    await using t = await startGateway();
    for (const expect100 of headers.some((header) => header.startsWith('expect')) ? [[]] : [[], ['expect: 100-continue']]) {
      const wire = await t.ask(headOf(target, ...headers, ...expect100));
      expect(wire.statuses).toEqual([status]);
      expect(wire.received).toMatch(/^connection: close\r$/im);
    }
    expect(t.effects).toEqual([]);
  });

  test('a limit', async () => {
    await using t = await startGateway({ limit: { rate: '2/1h' } });
    for (const status of [201, 201]) expect((await t.ask(post('/notes', '{}', JSON_TYPE, closing))).statuses).toEqual([status]);
    expect((await t.ask(headOf('/notes'))).statuses).toEqual([429]);
    expect(t.effects).toHaveLength(2);
  });

  test('and does not take the body of a request that it refused for another request', async () => {
    await using t = await startGateway();
    const behind = post('/notes', '{"text":"smuggled"}', JSON_TYPE);
    const wire = await t.ask(`${headOf('/own')}${behind}${behind.repeat(20)}`);
    expect(wire.statuses).toEqual([401]);
    expect(t.effects).toEqual([]);
  });

  test('a client that waits for 100 Continue sends its body then', async () => {
    await using t = await startGateway();
    const wire = await Wire.open(t.port);
    const body = '{"text":"late"}';
    wire.socket.write(post('/notes', body, JSON_TYPE, 'expect: 100-continue', closing).slice(0, -body.length));
    await until(() => wire.statuses.length === 1, '100 Continue');
    expect(wire.statuses).toEqual([100]);
    expect(t.effects).toEqual([]);
    wire.socket.write(body);
    await until(() => wire.closed, 'the answer');
    expect(wire.statuses).toEqual([100, 201]);
    expect(t.effects).toEqual(['late']);
  });
});

describe('HEAD', () => {
  test('says what GET would, without the body', async () => {
    await using t = await startGateway();
    const head = await t.ask(get('/notes', closing).replace('GET', 'HEAD'));
    const whole = await t.ask(get('/notes', closing));
    const length = Buffer.byteLength('{"notes":["a","ä"]}');
    for (const wire of [head, whole]) expect(wire.received).toMatch(new RegExp(`^content-length: ${length}\\r$`, 'm'));
    expect(bodyOf(head)).toBe('');
    expect(t.effects).toEqual(['query', 'query']);
  });

  test('does not run a stream', async () => {
    await using t = await startGateway();
    const wire = await t.ask(get('/watch', closing).replace('GET', 'HEAD'));
    expect(wire.statuses).toEqual([200]);
    expect(wire.received).toMatch(/^content-type: text\/event-stream/m);
    expect(t.streams()).toBe(0);
  });
});

test('OPTIONS * asks about the server, and reaches no route', async () => {
  await using t = await startGateway();
  const wire = await t.ask(get('*', closing).replace('GET', 'OPTIONS'));
  expect(wire.statuses).toEqual([204]);
  expect(wire.received).toMatch(/^allow: GET, HEAD, POST/m);
  expect(t.effects).toEqual([]);
});

describe('a composed route', () => {
  test.each(['/split', '/named', '/framed', '/odd'])('whose answer cannot be sent is a clean problem: %s', async (path) => {
    await using t = await startGateway();
    const wire = await t.ask(get(path) + get('/notes', closing));
    expect(wire.statuses).toEqual([500, 200]);
    expect(wire.received).not.toContain('set-cookie');
    expect(wire.received).toContain('urn:ramet:error:InvalidOutput');
    expect(t.lines.join('\n')).toContain(`The answer of '${path}' cannot be sent`);
  });

  test('says of its type in whatever letters it wrote it', async () => {
    await using t = await startGateway();
    const wire = await t.ask(get('/picture', closing));
    expect(wire.received.match(/^content-type:/gim)).toHaveLength(1);
    expect(wire.received).toMatch(/^content-type: image\/svg\+xml\r$/m);
  });

  test('that waits for something for ever has an answer', async () => {
    const real = realPlatform();
    const platform: Platform = {
      ...real,
      timers: { ...real.timers, set: (ms, fire) => real.timers.set(ms === 35_000 ? 100 : ms, fire) },
    };
    await using t = await startGateway({ platform });
    expect((await t.ask(get('/hangs', closing))).statuses).toEqual([504]);
    expect(t.effects).toEqual(['aborted']);
  });
});

describe('a body', () => {
  test.each([
    'application/json; charset=utf-7',
    'application/json\u00a0',
    'application/ json',
    'application/json; charset=utf-8; charset=utf-7',
    'text/plain',
  ])('of the type %j is refused', async (type) => {
    await using t = await startGateway();
    const wire = await t.ask(Buffer.from(post('/notes', '{}', `content-type: ${type}`, closing), 'latin1'));
    expect(wire.statuses).toEqual([415]);
    expect(t.effects).toEqual([]);
  });

  test.each(['9007199254740993.0', '1e400', '0.1234567890123456789', '1e-400'])('with the number %s is refused whole', async (n) => {
    await using t = await startGateway();
    const wire = await t.ask(post('/notes', `{"text":"a","n":${n}}`, JSON_TYPE, closing));
    expect(wire.statuses).toEqual([400]);
    expect(bodyOf(wire)).toContain('"path":"n"');
    expect(t.effects).toEqual([]);
  });
});

describe('what one client may hold or request', () => {
  test('routes that are not there count too', async () => {
    await using t = await startGateway({ limit: { rate: '4/1h' } });
    const wire = await t.ask(get('/a') + get('/b') + post('/watch', '') + get('/a/b') + get('/c') + get('/watch', closing));
    expect(wire.statuses).toEqual([404, 404, 405, 404, 429, 429]);
    expect(t.streams()).toBe(0);
  });

  test('and have a limit where the gateway has none', async () => {
    const real = realPlatform();
    let stoppedMono: number | undefined;
    // A limit fills up again as time passes, and a slow machine gives it time.
    const platform: Platform = { ...real, clock: { ...real.clock, monoNow: () => stoppedMono ?? real.clock.monoNow() } };
    await using t = await startGateway({ platform });
    stoppedMono = real.clock.monoNow();
    const wires = await Promise.all(
      Array.from({ length: 21 }, () => Wire.ask(t.port, get('/nowhere').repeat(49) + get('/nowhere', closing))),
    );
    const statuses = wires.flatMap((wire) => wire.statuses);
    expect(statuses.filter((status) => status === 404)).toHaveLength(1_000);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50);
    expect((await t.ask(get('/notes', closing))).statuses).toEqual([200]);
    stoppedMono = undefined;
  });

  test('streams', async () => {
    await using t = await startGateway({ caps: { streamsPerClient: 2 } });
    const agent = new Agent({ maxSockets: 10 });
    const open = () =>
      new Promise<{ status: number | undefined; end(): void }>((resolve, reject) => {
        const asked = request({ port: t.port, host: '127.0.0.1', path: '/watch', agent }, (response) => {
          response.on('error', () => {}).resume();
          resolve({ status: response.statusCode, end: () => asked.destroy() });
        });
        asked.once('error', reject).end();
      });
    const [first, second, third] = [await open(), await open(), await open()];
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
    first.end();
    await until(() => t.lines.some((line) => line.includes('request_answered')) && t.streams() === 2, 'the streams');
    let again = await open();
    for (let i = 0; again.status === 429 && i < 200; i++) again = await open();
    expect(again.status).toBe(200);
    agent.destroy();
  });

  test('connections, but those of a trusted proxy, behind which all clients are', async () => {
    await using t = await startGateway({ caps: { connectionsPerAddress: 5 } });
    const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(t.port)));
    await until(() => wires.filter((wire) => wire.closed).length === 3, 'three to be closed');
    // On a connection that is open: a new one could come before the gateway has seen the others close.
    const open = wires.filter((each) => !each.closed);
    for (const [at, wire] of open.entries()) wire.socket.write(get(at === 0 ? '/metrics' : '/livez', closing));
    await until(() => wires.every((wire) => wire.closed), 'the end');
    expect(wires.filter((wire) => wire.statuses.join() === '200')).toHaveLength(5);
    expect(open[0]?.received).toMatch(/ramet_http_refused_total\{.*gateway="edge".*reason="TooManyConnections".*\} 3/);

    await using behind = await startGateway({ caps: { connectionsPerAddress: 5 }, trustedProxies: ['127.0.0.0/8'] });
    const many = await Promise.all(Array.from({ length: 20 }, () => Wire.open(behind.port)));
    for (const wire of many) wire.socket.write(get('/livez', closing));
    await until(() => many.every((wire) => wire.statuses.join() === '200'), '20 answers');
  });

  test('connections in all', async () => {
    await using t = await startGateway({ caps: { connections: 5 } });
    const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(t.port)));
    await until(() => wires.filter((wire) => wire.closed).length === 3, 'three to be closed');
    for (const wire of wires) wire.socket.destroy();
  });

  test('a cap that is not a number keeps the process from starting', async () => {
    await expect(startGateway({ caps: { connections: 0 } })).rejects.toThrow('caps.connections is 0; write a whole number from 1');
  });
});

test('what the parser refuses is in the log and in the metrics, with the address of the client', async () => {
  await using t = await startGateway();
  await t.ask('rubbish\r\n\r\n');
  await t.ask('GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n');
  await t.ask(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`);
  await until(() => t.lines.filter((line) => line.includes('request_refused')).length === 3, 'three lines of the log');
  const logged = t.lines.filter((line) => line.includes('request_refused')).map((line) => JSON.parse(line));
  expect(logged.map(({ status, reason, client }) => ({ status, reason, client }))).toEqual([
    { status: 400, reason: 'MalformedRequest', client: '127.0.0.1' },
    { status: 400, reason: 'MalformedRequest', client: '127.0.0.1' },
    { status: 431, reason: 'HeadTooLarge', client: '127.0.0.1' },
  ]);
  const { received } = await t.ask(get('/metrics', closing));
  expect(received).toMatch(/ramet_http_refused_total\{.*reason="MalformedRequest".*\} 2/);
  expect(received).toMatch(/ramet_http_refused_total\{.*reason="HeadTooLarge".*\} 1/);
});
