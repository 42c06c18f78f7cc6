import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compileContract, contract, query } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { type HttpClient, type Platform, realPlatform } from '../platform/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import {
  type CallOrigin,
  Canceller,
  clientFor,
  compileUses,
  type ExternalClient,
  external,
  fault,
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
    expect(third).toMatchObject({ reason: { code: 'BulkheadFull', executed: 'no' } });
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
      executed: 'unknown',
      message: 'psp cannot be reached (ECONNREFUSED)',
    });
  });
});

describe('a client of a service', () => {
  const stock = contract('stock', { queries: { left: query({ input: z.object({}), output: z.number() }) } });
  const failing: TransportRoutes = {
    call: async () => fault(new RametError('NotFound', 'nothing')),
    stream: () => {
      throw new Error('not asked for');
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

  test('is made for contracts outside any graph too', async () => {
    const client = clientFor(realPlatform(), failing, compileContract(stock).compiled)(origin()) as { left: any };
    await expect(client.left({})).rejects.toMatchObject({ code: 'NotFound' });
  });
});
