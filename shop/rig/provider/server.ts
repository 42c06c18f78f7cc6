import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { closeHttp, listen, type Running } from '../child-process.ts';
import { isCardNumber } from './cards.ts';
import { type Answer, type ChargeRequest, Ledger, type Outcome } from './ledger.ts';

/** The time the provider lives in; tests bring their own, so that a late answer costs them no time. */
export interface ProviderClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Where a provider keeps its books and listens. Port 0 takes any free port. */
export interface ProviderOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly clock?: ProviderClock;
}

const maxBodyBytes = 64 * 1024;
// A client that gets 413 while it still writes would see a broken connection instead, so this much more is swallowed.
const maxSwallowedBytes = 4 * 1024 * 1024;

const systemClock: ProviderClock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/** Starts a payment provider. */
export async function createProvider({ dataDir, port, clock = systemClock }: ProviderOptions): Promise<Running> {
  const ledger = new Ledger(dataDir, () => clock.now());
  const closing = new AbortController();

  // Idle connections are kept longer than clients keep them, so that none writes into one that is just being closed.
  // The request timeout bounds how long after its beginning a request may still have an effect.
  const limits = { keepAliveTimeout: 60_000, requestTimeout: 5_000, connectionsCheckingInterval: 1_000 };
  const server = createServer(limits, (request, response) => {
    respond(request, response).catch((error) => {
      console.error('provider failed to answer:', error);
      if (!response.headersSent) send(response, { status: 500, body: { error: 'internal' } });
      else request.socket.destroy();
    });
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { answer, delayMs = 0 } = await decide(ledger, request);
    if (!answer) {
      request.socket.destroy();
      return;
    }
    // A provider that closes answers at once: what it owes is written down already.
    if (delayMs > 0) await clock.sleep(delayMs, closing.signal).catch(() => {});
    if (closing.signal.aborted || answer.status === 413) response.setHeader('connection', 'close');
    send(response, answer);
  }

  try {
    const boundPort = await listen(server, port);
    return {
      port: boundPort,
      async close() {
        closing.abort();
        await closeHttp(server);
        ledger.close();
      },
    };
  } catch (error) {
    ledger.close();
    throw error;
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const problem = (status: number, error: string, field?: string): Answer => ({ status, body: field ? { error, field } : { error } });
const notFound = problem(404, 'not_found');
const found = (body: object | undefined): Answer => (body ? { status: 200, body } : notFound);

async function decide(ledger: Ledger, request: IncomingMessage): Promise<Outcome> {
  const body = await readBody(request);
  if (body === 'interrupted') return {};
  if (body === 'too large') return { answer: problem(413, 'body_too_large') };
  const [path = '', query] = (request.url ?? '').split('?', 2);
  const segments = decodedSegments(path);
  if (!segments) return { answer: notFound };
  if (request.method === 'GET') return { answer: read(ledger, segments, new URLSearchParams(query)) };
  if (request.method === 'POST') return write(ledger, segments, request, body.text);
  return { answer: notFound };
}

function read(ledger: Ledger, segments: readonly string[], query: URLSearchParams): Answer {
  const [collection, by, key = ''] = segments;
  const byKey = segments.length === 3 && by === 'by-key';
  if (collection === 'health' && segments.length === 1) return found({ status: 'ok' });
  if (collection === 'charges' && segments.length === 1) return found({ items: ledger.charges(query.get('reference') ?? undefined) });
  if (collection === 'charges' && byKey) return found(ledger.chargeByKey(key));
  if (collection === 'refunds' && segments.length === 1) return found({ items: ledger.refunds() });
  if (collection === 'refunds' && byKey) return found(ledger.refundByKey(key));
  return notFound;
}

function write(ledger: Ledger, segments: readonly string[], request: IncomingMessage, text: string): Outcome {
  const route = segments.map((segment, index) => (index === 1 ? '*' : segment)).join('/');
  if (route !== 'tokens' && route !== 'charges' && route !== 'charges/*/refunds') return { answer: notFound };

  const key = idempotencyKey(request);
  if (key === null) return { answer: problem(400, 'invalid_idempotency_key') };
  if (key === undefined && route !== 'tokens') return { answer: problem(400, 'idempotency_key_required') };
  // Everything about a refund is in its address, so it needs no body.
  const body = parseObject(route === 'charges/*/refunds' && text === '' ? '{}' : text);
  if (!body) return { answer: problem(400, 'malformed_json') };

  if (key === undefined || route === 'tokens') {
    return { answer: isCardNumber(body.number) ? ledger.tokenize(body.number, key) : problem(422, 'invalid_number', 'number') };
  }
  if (route === 'charges') {
    const charge = parseCharge(body);
    return 'status' in charge ? { answer: charge } : ledger.charge(key, charge);
  }
  const { amount } = body;
  if (amount !== undefined && !isAmount(amount)) return { answer: problem(422, 'invalid_amount', 'amount') };
  return { answer: ledger.refund(key, segments[1] ?? '', amount) };
}

function parseCharge({ token, amount, reference }: Record<string, unknown>): ChargeRequest | Answer {
  if (typeof token !== 'string') return problem(422, 'unknown_token', 'token');
  if (!isAmount(amount)) return problem(422, 'invalid_amount', 'amount');
  if (typeof reference !== 'string' || reference === '' || reference.length > 255) return problem(422, 'invalid_reference', 'reference');
  return { token, amount, reference };
}

function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** The key of a request: undefined when there is none, null when it is none we take. */
function idempotencyKey(request: IncomingMessage): string | undefined | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  return typeof key === 'string' && /^[\x20-\x7e]{1,255}$/.test(key) ? key : null;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function decodedSegments(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** The body of a request, or why there is none: it is too large, or the client went away while it wrote. */
async function readBody(request: IncomingMessage): Promise<{ text: string } | 'too large' | 'interrupted'> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= maxBodyBytes) chunks.push(chunk);
      else if (size > maxSwallowedBytes) return 'interrupted';
    }
  } catch {
    return 'interrupted';
  }
  return size > maxBodyBytes ? 'too large' : { text: Buffer.concat(chunks).toString('utf8') };
}
