import { Agent, type IncomingMessage, request as send } from 'node:http';
import type { Exchange } from './history.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Longer than anything the shop is allowed to take. */
const GIVE_UP_MS = 60_000;
/** The shop says that it lets idle connections go after 5 s: a polite client does so before. */
const IDLE_MS = 4_000;

/**
 * A client with connections of its own, which notes when each request had left it entirely: a check whether a request
 * was lost must know whether it was ever sent.
 */
export class Wire {
  readonly #name: string;
  readonly #port: number;
  readonly #agent: Agent;
  readonly #record: (exchange: Exchange) => void;

  constructor(options: { name: string; port: number; keepAlive: boolean; record: (exchange: Exchange) => void }) {
    this.#name = options.name;
    this.#port = options.port;
    // A request has a limit of its own; this is for connections that wait for one.
    this.#agent = new Agent({ keepAlive: options.keepAlive, maxSockets: 4, timeout: IDLE_MS });
    this.#record = options.record;
  }

  /** Asks once. Never rejects: what went wrong is in the answer. */
  async ask(asked: ExchangeRequest): Promise<Exchange> {
    const startedMono = performance.now();
    let sentMono: number | undefined;
    const end = await this.#once(asked, () => {
      sentMono = performance.now();
    });
    const exchange: Exchange = {
      client: this.#name,
      method: asked.method,
      path: asked.path,
      startedMono,
      sentMono,
      endedMono: performance.now(),
      status: end.status,
      body: end.body,
      error: end.error,
    };
    this.#record(exchange);
    return exchange;
  }

  close(): void {
    this.#agent.destroy();
  }

  #once({ method, path, headers = {}, body }: ExchangeRequest, onSent: () => void): Promise<Pick<Exchange, 'status' | 'body' | 'error'>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve) => {
      const failed = (error: Error & { code?: string }) =>
        resolve({ status: undefined, body: undefined, error: error.code ?? error.message });
      const request = send(
        {
          host: '127.0.0.1',
          port: this.#port,
          agent: this.#agent,
          method,
          path,
          timeout: GIVE_UP_MS,
          headers: {
            ...headers,
            ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          },
        },
        (response) => {
          bodyOf(response).then((answered) => resolve({ status: response.statusCode, body: answered, error: undefined }), failed);
        },
      );
      request.once('finish', onSent);
      request.once('error', failed);
      request.once('timeout', () => request.destroy(new Error(`no answer within ${GIVE_UP_MS / 1_000} s`)));
      request.end(text);
    });
  }
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
