import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { realPlatform } from '../../platform/index.ts';
import type { Caller } from '../../security/index.ts';
import type { Reply } from '../call.ts';
import { Canceller, NEVER } from '../cancellation.ts';
import type { Identities, Transport } from '../transport.ts';
import { answering, META, plainIdentities, Site } from './mux.fixture.ts';
import { FaultyNetwork } from './network.fixture.ts';
import { ELSEWHERE_TLS, SHOP_TLS, STRANGER_TLS } from './tls.fixture.ts';

const target = { service: 'stock', operation: 'look' };
const echo = answering((input) => input);
const look = (transport: Transport, input: unknown = {}) => transport.call(target, input, META, NEVER);
const refused = (executed: 'no' | 'unknown' = 'no') => expect.objectContaining({ ok: false, code: 'Unavailable', executed });

let site: Site;
let networks: FaultyNetwork[];
let folder: string | undefined;

beforeEach(() => {
  [site, networks, folder] = [new Site(), [], undefined];
});
afterEach(async () => {
  await site.close();
  for (const network of networks) network.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

/** Puts a network that can fail before the first server. */
async function behindNetwork(): Promise<FaultyNetwork> {
  const network = await FaultyNetwork.to(site.addresses[0]?.port as number);
  networks.push(network);
  site.addresses = [{ id: 'behind', host: '127.0.0.1', port: network.port }];
  return network;
}

describe('a connection', () => {
  test('is shared by all services of a process, and opened by the first call', async () => {
    const server = await site.process('both').listen(
      new Map([
        ['stock', echo],
        ['prices', echo],
      ]),
      { host: '127.0.0.1', port: 0 },
    );
    site.servers.push(server);
    site.addresses = [{ id: 'stock-1', host: '127.0.0.1', port: server.port }];
    const network = await behindNetwork();
    const remote = site.process('web');
    expect(remote.from('web').instances?.('stock')).toEqual(['behind']);
    expect(network.connections).toBe(0);
    const calls = ['stock', 'prices'].flatMap((service) => ['web', 'mobile'].map((from) => ({ service, from })));
    for (const { service, from } of calls)
      expect(await remote.from(from).call({ ...target, service }, 1, META, NEVER)).toEqual({ ok: true, value: 1 });
    expect(network.connections).toBe(1);
  });

  test('that cannot be opened refuses calls, with nothing done, and is tried again after a growing pause', async () => {
    const server = await site.serve('stock', echo);
    const { port } = server;
    await server.close();
    const transport = site.process('web').from('web');
    const replies: Reply[] = [];
    const details = () => replies.map((reply) => (reply as { detail: string }).detail);
    const tries = () => details().filter((detail) => detail.includes('cannot be reached: ')).length;
    const paused = () => details().find((detail) => detail.includes('is tried again in'));
    const startedMono = site.platform.clock.monoNow();
    while (tries() < 4 || paused() === undefined) {
      replies.push(await look(transport));
      await site.platform.timers.sleep(5);
    }
    expect(replies.every((reply) => !reply.ok && reply.kind === 'fault' && reply.executed === 'no')).toBe(true);
    // At 0, then after 25 to 50, 50 to 100, 100 to 200 ms.
    expect(site.platform.clock.monoNow() - startedMono).toBeGreaterThan(25 + 50 + 100 - 1);
    expect(paused()).toContain('ECONNREFUSED');
    expect(site.errors).toHaveLength(1);
    await site.serve('stock', echo, { id: 'stock-0', port });
    await site.until('it answers again', () => site.servers.length === 2);
    let reply: Reply | undefined;
    for (let i = 0; i < 1_000 && !reply?.ok; i++) {
      await site.platform.timers.sleep(5);
      reply = await look(transport, 7);
    }
    expect(reply).toEqual({ ok: true, value: 7 });
  });

  test('that stays silent is given up within seconds', async () => {
    site = new Site({ pingAfterMs: 100, deadAfterMs: 1_000 });
    let running = 0;
    let aborted = 0;
    await site.serve('stock', {
      async call(_, __, ___, { signal }) {
        running++;
        signal.addEventListener('abort', () => aborted++);
        return new Promise(() => {});
      },
      stream: echo.stream,
    });
    const network = await behindNetwork();
    const transport = site.process('web').from('web');
    const underWay = look(transport);
    await site.until('it runs', () => running === 1);
    // Pings are answered, however long nothing else is said.
    await site.platform.timers.sleep(1_200);
    expect(aborted).toBe(0);
    network.silence();
    expect(await underWay).toEqual(refused('unknown'));
    await site.until('the other side has given up too', () => aborted === 1);
  });

  test('to an address that is no longer known ends when it is idle, and not before', async () => {
    let release: () => void = () => {};
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    await site.serve(
      'stock',
      answering(() => open.then(() => 'old')),
    );
    const network = await behindNetwork();
    const transport = site.process('web').from('web');
    const underWay = look(transport);
    await site.until('it is under way', () => site.servers[0]?.inFlight === 1);
    site.addresses = [];
    await site.serve(
      'stock',
      answering(() => 'new'),
    );
    expect(await look(transport)).toEqual({ ok: true, value: 'new' });
    await site.platform.timers.sleep(1_100);
    expect(network.connections).toBe(1);
    release();
    expect(await underWay).toEqual({ ok: true, value: 'old' });
    await site.until('it has ended', () => network.connections === 0);
  });

  test('to a process that asked to be called no longer is opened again for a new instance, or when the process is back', async () => {
    const first = await site.serve(
      'stock',
      answering(() => 'first'),
    );
    await site.serve(
      'stock',
      answering(() => 'other'),
    );
    const transport = site.process('web').from('web');
    const both = () => Promise.all(['stock-0', 'stock-1'].map((instance) => transport.call({ ...target, instance }, {}, META, NEVER)));
    expect((await both()).every(({ ok }) => ok)).toBe(true);
    await first.drain();
    await first.close();
    expect(transport.instances?.('stock')).toEqual(['stock-1']);
    await site.platform.timers.sleep(600);
    expect(transport.instances?.('stock')).toEqual(['stock-1']);
    await site
      .process('again')
      .listen(new Map([['stock', echo]]), { host: '127.0.0.1', port: first.port })
      .then((server) => site.servers.push(server));
    await site.until('it is called again', () => transport.instances?.('stock')?.length === 2);
    const [, other] = site.addresses;
    const third = site.servers[2];
    await third?.drain();
    await third?.close();
    expect(transport.instances?.('stock')).toEqual(['stock-1']);
    // The registry knows of a new instance in the old place.
    const again = await site.process('once more').listen(new Map([['stock', echo]]), { host: '127.0.0.1', port: first.port });
    site.servers.push(again);
    await site.until('the old connection is gone', () => third?.inFlight === 0);
    site.addresses = [{ id: 'stock-new', host: '127.0.0.1', port: first.port }, other as never];
    expect(transport.instances?.('stock')).toEqual(['stock-new', 'stock-1']);
    expect(await transport.call({ ...target, instance: 'stock-new' }, 5, META, NEVER)).toEqual({ ok: true, value: 5 });
  });

  test('sends each token once, however many callers there are', async () => {
    let verified = 0;
    const seen = new Set<string>();
    const identities: Identities = {
      sign: (caller, from, to) => plainIdentities.sign(caller, from, to),
      verify(token, to) {
        verified++;
        seen.add(token);
        return plainIdentities.verify(token, to);
      },
    };
    const server = await site
      .process('stock', { identities })
      .listen(new Map([['stock', answering((_, meta) => meta.caller.subject)]]), { host: '127.0.0.1', port: 0 });
    site.servers.push(server);
    site.addresses = [{ id: 'stock-0', host: '127.0.0.1', port: server.port }];
    const transport = site.process('web').from('web');
    const callerOf = (n: number): Caller => ({ kind: 'user', subject: `usr_${n}`, scopes: [] });
    // More than are remembered, so that numbers are used again.
    for (let round = 0; round < 2; round++) {
      const replies = await Promise.all(
        Array.from({ length: 3_000 }, (_, i) => transport.call(target, {}, { ...META, caller: callerOf((i * 7) % 1_500) }, NEVER)),
      );
      for (const [i, reply] of replies.entries()) expect(reply).toEqual({ ok: true, value: `usr_${(i * 7) % 1_500}` });
    }
    expect(verified).toBe(6_000);
    expect(seen.size).toBe(1_500);
  });

  test('ends with the process that made it: calls on it say whether they had left', async () => {
    let aborted = 0;
    await site.serve('stock', {
      call: (_, __, ___, { signal }) => {
        signal.addEventListener('abort', () => aborted++);
        return new Promise(() => {});
      },
      stream: echo.stream,
    });
    const remote = site.process('web');
    const transport = remote.from('web');
    const underWay = look(transport);
    await site.until('it is under way', () => site.servers[0]?.inFlight === 1);
    const unsent = look(transport);
    await remote.close();
    expect(await underWay).toEqual(refused('unknown'));
    expect(await unsent).toEqual(refused('no'));
    expect(await look(transport)).toMatchObject({ code: 'ShuttingDown', executed: 'no' });
    await site.until('what runs on the other side is aborted', () => aborted === 1);
  });

  test('carries no call whose caller cannot be signed for', async () => {
    await site.serve('stock', echo);
    const identities: Identities = {
      ...plainIdentities,
      sign: () => {
        throw new RametError('Forbidden', 'this process does not host web');
      },
    };
    const transport = site.process('web', { identities }).from('web');
    expect(await look(transport)).toMatchObject({ code: 'Forbidden', executed: 'no' });
    const stream = transport.stream(target, {}, META, NEVER)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ code: 'Forbidden' });
  });

  test('ends a call whose caller hangs a moment after its time', async () => {
    let aborted = 0;
    await site.serve('stock', {
      call: (_, __, ___, { signal }) => {
        signal.addEventListener('abort', () => aborted++);
        return new Promise(() => {});
      },
      stream: echo.stream,
    });
    const reply = await site
      .process('web')
      .from('web')
      .call(target, {}, { ...META, timeoutMs: 50 }, NEVER);
    expect(reply).toMatchObject({ code: 'DeadlineExceeded', executed: 'unknown' });
    expect(aborted).toBe(1);
  });

  test('sends nothing of a stream without a reader, or whose caller is gone', async () => {
    let opened = 0;
    await site.serve('stock', {
      call: echo.call,
      async *stream() {
        opened++;
        yield { ok: true, value: 1 };
      },
    });
    const transport = site.process('web').from('web');
    transport.stream(target, {}, META, NEVER);
    const left = transport.stream(target, {}, META, NEVER)[Symbol.asyncIterator]();
    await left.return?.();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    const canceller = new Canceller();
    canceller.cancel(new Error('gone'));
    const late = transport.stream(target, {}, META, canceller)[Symbol.asyncIterator]();
    expect((await late.next()).value).toMatchObject({ code: 'Cancelled', executed: 'no' });
    expect(await look(transport, 1)).toEqual({ ok: true, value: 1 });
    expect(opened).toBe(0);
  });
});

describe('another way', () => {
  test('is a Unix socket, in a folder', async () => {
    folder = mkdtempSync(join(tmpdir(), 'ramet-mux-'));
    await site.serve('stock', echo, { host: folder, port: 7 });
    expect(await look(site.process('web').from('web'), 'here')).toEqual({ ok: true, value: 'here' });
    await expect(site.serve('stock', echo, { host: folder, port: 0 })).rejects.toThrow('needs a port that is not 0');
  });

  test('is encrypted, between those whom one authority has signed', async () => {
    let shown = SHOP_TLS;
    site = new Site({ tls: () => shown });
    await site.serve('stock', echo);
    expect(await look(site.process('web').from('web'), 'here')).toEqual({ ok: true, value: 'here' });
    for (const [name, tls, why] of [
      ['plain', undefined, /./],
      ['stranger', STRANGER_TLS, /self-signed|certificate|CA|issuer/i],
    ] as const) {
      const reply = await look(site.process(name, { options: tls ? { tls } : { connectMs: 300 } }).from('web'));
      expect(reply).toEqual(refused());
      expect((reply as { detail: string }).detail).toMatch(why);
    }
    // The certificate is replaced. Existing connections continue, and a client that expects another name is refused.
    const before = site.process('before').from('web');
    expect(await look(before, 1)).toEqual({ ok: true, value: 1 });
    shown = ELSEWHERE_TLS;
    let strict: Reply | undefined;
    for (let tries = 0; tries < 200 && strict?.ok !== false; tries++) {
      await site.platform.timers.sleep(50);
      strict = await look(site.process(`after ${tries}`).from('web'));
    }
    expect((strict as unknown as { detail: string }).detail).toMatch(/does not match/);
    expect(await look(before, 2)).toEqual({ ok: true, value: 2 });
    const named = site.process('named', { options: { tls: { ...SHOP_TLS, serverName: 'elsewhere.test' } } }).from('web');
    expect(await look(named, 3)).toEqual({ ok: true, value: 3 });
  });

  test('whose port is taken is refused at once', async () => {
    const { port } = await site.serve('stock', echo);
    await expect(site.process('second').listen(new Map(), { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
  });
});

test('a process that was blocked does not take the silence of that time for a dead peer', async () => {
  const real = realPlatform();
  let ahead = 0;
  const platform = { ...real, clock: { ...real.clock, monoNow: () => real.clock.monoNow() + ahead } };
  site = new Site({ pingAfterMs: 1 }, platform);
  await site.serve('stock', echo);
  const network = await behindNetwork();
  const transport = site.process('web').from('web');
  expect(await look(transport, 1)).toEqual({ ok: true, value: 1 });
  network.silence();
  await real.timers.sleep(700);
  // Both have asked. Then twenty seconds pass in which nothing of this process runs, and the answers lie unread.
  ahead += 20_000;
  await real.timers.sleep(600);
  network.deliver();
  expect(await look(transport, 2)).toEqual({ ok: true, value: 2 });
  expect(network.made).toBe(1);
});
