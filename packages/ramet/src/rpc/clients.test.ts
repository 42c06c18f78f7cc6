import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compileContract, contract, query } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { type HttpClient, type Platform, realPlatform } from '../platform/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import { noting } from '../telemetry/recorder.fixture.ts';
import {
  type CallOrigin,
  Canceller,
  clientFor,
  compileUses,
  Edges,
  type ExternalClient,
  external,
  fault,
  Outbound,
  type TransportRoutes,
  use,
} from './index.ts';

const trace = { correlationId: 'cor_1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
let canceller: Canceller;
let remainingMs: number;
const origin = (): CallOrigin => ({
  meta: { caller: ANONYMOUS, trace, depth: 0 },
  remainingMs: () => remainingMs,
  get signal() {
    return canceller.signal;
  },
});

beforeEach(() => {
  canceller = new Canceller();
  remainingMs = Number.POSITIVE_INFINITY;
});

describe('a client of an external system', () => {
  let answer: HttpClient['fetch'];
  let asked: { url: string; headers: Record<string, string> }[];
  let releases: (() => void)[];
  afterEach(() => {
    for (const release of releases) release();
  });

  /** Answers when it is released, or fails when it is aborted, as a connection does. */
  const waiting: HttpClient['fetch'] = (_, request) =>
    new Promise((resolve, reject) => {
      request?.signal?.addEventListener('abort', () => reject(request.signal?.reason));
      releases.push(() => resolve(new Response('late')));
    });

  function client(policy: { timeout?: '20ms' | '5s'; bulkhead?: number } = {}): ExternalClient {
    asked = [];
    releases = [];
    const real = realPlatform();
    const http: HttpClient = {
      fetch: (url, request) => {
        asked.push({ url, headers: { ...request?.headers } });
        if (request?.signal?.aborted) return Promise.reject(request.signal.reason);
        return answer(url, request);
      },
      close: async () => {},
    };
    const platform: Platform = { ...real, http };
    const { uses, problems } = compileUses(platform, undefined as never, 'test', {
      psp: external('psp', { url: 'http://psp', ...policy }),
    });
    expect(problems).toEqual([]);
    return uses.all(origin())['psp'] as ExternalClient;
  }

  test('asks with the trace, and answers whatever status comes back', async () => {
    answer = async () => new Response('no such charge', { status: 404 });
    const psp = client();
    const response = await psp.fetch('/charges/1?x=y', { headers: { accept: 'text/plain' } });
    expect([response.status, await response.text()]).toEqual([404, 'no such charge']);
    expect(asked).toEqual([{ url: 'http://psp/charges/1?x=y', headers: { traceparent: trace.traceparent, accept: 'text/plain' } }]);
    answer = async () => new Response(null, { status: 204 });
    expect((await psp.fetch('/charges/2')).status).toBe(204);
  });

  test('goes nowhere else than to its system', async () => {
    const psp = client();
    for (const path of ['//elsewhere/x', 'http://elsewhere/x', 'x', '']) await expect(psp.fetch(path)).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  });

  test('gives up at its timeout, also over the body, and not knowing what was done', async () => {
    answer = waiting;
    await expect(client({ timeout: '20ms' }).fetch('/slow')).rejects.toMatchObject({ code: 'DeadlineExceeded', executed: 'unknown' });
    answer = async (_, request) =>
      new Response(
        new ReadableStream({
          start: (body) => request?.signal?.addEventListener('abort', () => body.error(request.signal?.reason)),
        }),
      );
    await expect(client({ timeout: '20ms' }).fetch('/slow')).rejects.toMatchObject({ code: 'DeadlineExceeded', executed: 'unknown' });
    answer = waiting;
    remainingMs = 20;
    await expect(client().fetch('/slow')).rejects.toMatchObject({ code: 'DeadlineExceeded' });
  });

  test('ends with its caller, or with the signal that it is given', async () => {
    answer = waiting;
    const psp = client();
    const going = psp.fetch('/slow');
    canceller.cancel(new RametError('Cancelled'));
    await expect(going).rejects.toMatchObject({ code: 'Cancelled', executed: 'unknown' });
    await expect(psp.fetch('/slow')).rejects.toMatchObject({ code: 'Cancelled', executed: 'no' });
    expect(asked).toHaveLength(1);
    canceller = new Canceller();
    const controller = new AbortController();
    const aborting = client().fetch('/slow', { signal: controller.signal });
    controller.abort();
    await expect(aborting).rejects.toMatchObject({ code: 'Cancelled' });
  });

  test('waits for a place no longer than its deadline, and says that nothing was done', async () => {
    answer = waiting;
    const psp = client({ bulkhead: 1, timeout: '20ms' });
    const [first, second, third] = await Promise.allSettled([psp.fetch('/1'), psp.fetch('/2'), psp.fetch('/3')]);
    expect(first).toMatchObject({ reason: { code: 'DeadlineExceeded', executed: 'unknown' } });
    // It got its place at the very end of its own time, or never.
    expect(second).toMatchObject({ reason: { code: 'DeadlineExceeded' } });
    // Turned back, and back again in a while, when on a busy machine the others' time may be over.
    expect(third).toMatchObject({ reason: { code: expect.stringMatching(/^(?:BulkheadFull|DeadlineExceeded)$/) } });
    const slow = client({ bulkhead: 1 });
    const running = slow.fetch('/1');
    remainingMs = 20;
    await expect(slow.fetch('/2')).rejects.toMatchObject({ code: 'DeadlineExceeded', executed: 'no' });
    expect(asked).toHaveLength(1);
    for (const release of releases) release();
    expect((await running).status).toBe(200);
  });

  test('says why a system cannot be reached', async () => {
    answer = () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } }));
    await expect(client().fetch('/x')).rejects.toMatchObject({
      code: 'Unavailable',
      executed: 'no',
      message: 'psp cannot be reached (ECONNREFUSED)',
    });
    answer = () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } }));
    await expect(client().fetch('/x')).rejects.toMatchObject({ code: 'Unavailable', executed: 'unknown' });
  });
});

describe('a client of an external system that fails', () => {
  let answers: (() => Promise<Response>)[];
  let asked: string[];
  const seen: string[] = [];

  function client(policy: Partial<Parameters<typeof external>[1]> = {}, meta: Partial<CallOrigin['meta']> = {}): ExternalClient {
    [asked, seen.length] = [[], 0];
    const real = realPlatform();
    const http: HttpClient = {
      fetch: (url, request) => {
        asked.push(`${request?.method ?? 'GET'} ${url}`);
        return (answers.shift() ?? (async () => new Response('ok')))();
      },
      close: async () => {},
    };
    const platform: Platform = { ...real, http, random: { ...real.random, next: () => 0 } };
    const instrument = noting((note) => note.what === 'circuit' && seen.push(`${note.edge} ${note.operation} ${note.to}`));
    const outbound = new Outbound(platform, 'test', instrument);
    const { uses } = compileUses(
      platform,
      undefined as never,
      'test',
      { psp: external('psp', { url: 'http://psp', ...policy }) },
      outbound,
    );
    return uses.all({ ...origin(), meta: { ...origin().meta, ...meta } })['psp'] as ExternalClient;
  }
  const refuse = (code: string) => () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code } }));
  const status =
    (status: number, headers: Record<string, string> = {}) =>
    async () =>
      new Response('no', { status, headers });

  test('is asked again where that is safe: nothing was sent, or the request may be repeated', async () => {
    answers = [refuse('ECONNREFUSED'), refuse('ECONNREFUSED')];
    expect((await client().fetch('/charges', { method: 'POST' })).status).toBe(200);
    answers = [refuse('ECONNRESET')];
    await expect(client().fetch('/charges', { method: 'POST' })).rejects.toMatchObject({ code: 'Unavailable', executed: 'unknown' });
    expect(asked).toHaveLength(1);
    answers = [refuse('ECONNRESET')];
    expect((await client().fetch('/charges', { method: 'POST', headers: { 'Idempotency-Key': 'k' } })).status).toBe(200);
    answers = [refuse('ECONNRESET')];
    expect((await client().fetch('/charges/1')).status).toBe(200);
    answers = [refuse('ECONNREFUSED')];
    await expect(client({}, { noRetry: true }).fetch('/charges/1')).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('is asked again when it says when, and its last word is the answer', async () => {
    answers = [status(503, { 'retry-after': '0' }), status(429, { 'retry-after': '0' })];
    expect((await client().fetch('/x')).status).toBe(200);
    answers = [status(503), status(200)];
    expect((await client().fetch('/x')).status).toBe(503);
    answers = [status(503, { 'retry-after': '60' })];
    expect((await client().fetch('/x')).status).toBe(503);
    expect(asked).toHaveLength(1);
  });

  test('is not called for a while after five failures of one kind of request: 5xx counts, a refusal does not', async () => {
    const psp = client({ retries: 0 });
    answers = Array.from({ length: 20 }, () => status(404));
    for (let i = 0; i < 20; i++) expect((await psp.fetch('/charges/1')).status).toBe(404);
    answers = Array.from({ length: 5 }, () => status(500));
    for (let i = 0; i < 5; i++) expect((await psp.fetch(`/charges/${i}?x`)).status).toBe(500);
    await expect(psp.fetch('/charges/9')).rejects.toMatchObject({ code: 'CircuitOpen', executed: 'no' });
    expect((await psp.fetch('/refunds')).status).toBe(200);
    expect((await psp.fetch('/charges', { method: 'POST' })).status).toBe(200);
    expect(seen).toEqual(['test->psp GET /charges open']);
  });

  test('is not judged by one request that fails again and again', async () => {
    const psp = client({ retries: 0 }, { attempt: 2 });
    answers = Array.from({ length: 15 }, () => status(500));
    for (let i = 0; i < 15; i++) expect((await psp.fetch('/charges')).status).toBe(500);
    expect(seen).toEqual([]);
  });

  test('has a bounded number of circuits, however many addresses it has', async () => {
    const psp = client({ retries: 0 });
    for (let i = 0; i < 40; i++) await psp.fetch(`/${i}`);
    answers = Array.from({ length: 5 }, () => status(500));
    for (let i = 0; i < 5; i++) await psp.fetch(`/new-${i}`);
    expect(seen).toEqual(['test->psp GET /* open']);
  });
});

describe('a client of a service', () => {
  const stock = contract('stock', { queries: { left: query({ input: z.object({}), output: z.number() }) } });
  const failing: TransportRoutes = {
    call: async () => fault(new RametError('NotFound', 'nothing')),
    stream: () => {
      throw new Error('not expected');
    },
  };

  test('answers the fallback instead of a fault, if there is one', async () => {
    const { uses } = compileUses(realPlatform(), failing, 'test', { stock: use(stock) });
    const { left } = uses.all(origin())['stock'] as { left: any };
    await expect(left({})).rejects.toMatchObject({ code: 'NotFound' });
    expect(await left({}, { fallback: undefined })).toBe(undefined);
    expect(await left.try({}, { fallback: 0 })).toEqual({ ok: true, value: 0 });
    await expect(left.try({})).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('makes its fallback of the error, where that is a function, and is seen to', async () => {
    const seen: string[] = [];
    const platform = realPlatform();
    const outbound = new Outbound(
      platform,
      'shop',
      noting((note) => note.what === 'fallback' && seen.push(`${note.edge} ${note.operation} ${note.code}`)),
    );
    const { uses } = compileUses(platform, failing, 'test', { stock: use(stock) }, outbound);
    const { left } = uses.all(origin())['stock'] as { left: any };
    const fallback = async (error: RametError) => `${error.code}: ${error.message}`;
    expect(await left({}, { fallback })).toBe('NotFound: nothing');
    expect(await left.try({}, { fallback })).toEqual({ ok: true, value: 'NotFound: nothing' });
    const broken = () => {
      throw new Error('no fallback either');
    };
    await expect(left({}, { fallback: broken })).rejects.toThrow('no fallback either');
    expect(seen).toEqual(Array(3).fill('shop->stock left NotFound'));
  });

  test('is made for contracts outside any graph too', async () => {
    const client = clientFor(new Edges(failing, new Outbound(realPlatform(), 'test')), compileContract(stock).compiled)(origin()) as {
      left: any;
    };
    await expect(client.left({})).rejects.toMatchObject({ code: 'NotFound' });
  });
});

test('a URL that no request can be sent to is a problem of its declaration', () => {
  const problemsOf = (url: string) =>
    compileUses(realPlatform(), {} as TransportRoutes, 'service x', { bank: external('bank', { url }) }).problems;
  expect(problemsOf('https://bank.example/v1')).toEqual([]);
  for (const url of ['', 'bank.example', 'ftp://bank.example', 'undefined/v1'])
    expect(problemsOf(url)).toEqual([
      expect.stringContaining(`service x, uses 'bank': '${url}' is not a URL of bank: give one as 'https://`),
    ]);
});
