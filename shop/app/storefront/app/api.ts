import { eventReader } from '../model/event-stream.ts';
import type { Trouble } from '../model/problems.ts';
import { end, session } from './session.ts';

/** A request that failed. */
export class ApiError extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.code);
    this.trouble = trouble;
  }
}

export interface Ask {
  readonly body?: unknown;
  /** The `Idempotency-Key`: one for each intention, the same for each repeat. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** Asks the shop. @throws ApiError when it refuses or does not answer */
export async function api<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
  const response = await send(method, path, ask);
  return (response.status === 204 ? undefined : await response.json().catch(offline)) as T;
}

/** Follows a stream of events until it ends. @throws ApiError when it is refused or breaks off */
export async function* follow<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
  const response = await send('GET', path, { signal });
  const read = eventReader();
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  for (;;) {
    const { done, value } = await reader.read().catch(offline);
    if (done) return;
    for (const data of read(value)) yield JSON.parse(data) as T;
  }
}

async function send(method: string, path: string, { body, key, signal }: Ask): Promise<Response> {
  const token = session.get()?.token;
  const response = await fetch(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  }).catch(offline);
  if (response.ok) return response;
  throw new ApiError(await troubleOf(response));
}

function offline(error: unknown): never {
  if (error instanceof DOMException && error.name === 'AbortError') throw error;
  throw new ApiError({
    kind: 'offline',
    status: 0,
    code: 'Offline',
    data: undefined,
    errors: [],
    retryAfterSeconds: undefined,
    correlationId: undefined,
  });
}

async function troubleOf(response: Response): Promise<Trouble> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Trouble>;
  const code = problem.code ?? '';
  if (code === 'MissingToken' || code === 'InvalidToken') end();
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    kind: 'problem',
    status: response.status,
    code,
    data: problem.data,
    errors: problem.errors ?? [],
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    correlationId: problem.correlationId,
  };
}

/** The trouble in an error. @throws the error itself when it is none of the shop's */
export function troubleIn(error: unknown): Trouble {
  if (error instanceof ApiError) return error.trouble;
  throw error;
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';
