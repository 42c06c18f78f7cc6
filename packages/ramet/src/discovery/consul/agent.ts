import { RametError } from '../../errors/index.ts';
import { type Platform, type Source, sourced } from '../../platform/index.ts';
import type { Endpoint, Instance, Registration } from '../discovery.ts';
import { DEFAULT_PROTOCOL, parseEndpoint, placeOf } from '../endpoints.ts';

const REQUEST_MS = 5_000;
const BODY_MAX_CHARACTERS = 8_000_000;

/** A token for the ACL of Consul, read for each request. */
export type Token = Source;

/** What Consul answers about a service. */
interface Passing {
  /** The position of Consul. A query with this position waits until something has changed after it. */
  readonly index: number;
  /** The instances that pass their checks, as Consul lists them: not vetted. */
  readonly instances: readonly Instance[];
}

/** Sends the requests to a Consul agent (its HTTP API, version 1). */
export class Agent {
  /** Where the agent is, for messages. */
  readonly name: string;
  readonly #platform: Platform;
  readonly #base: string;
  readonly #token: Token | undefined;

  /** @param base an http or https URL without a path */
  constructor(platform: Platform, base: URL, token: Token | undefined) {
    this.name = `Consul at ${base.origin}`;
    this.#platform = platform;
    this.#base = base.origin;
    this.#token = token;
  }

  /** Registers an instance with the agent, which checks it from now on. */
  async register(registration: Registration, name: string): Promise<void> {
    await this.#ask('PUT', '/v1/agent/service/register?replace-existing-checks=true', { body: registrationBody(registration, name) });
  }

  /** Takes an instance back. An instance that the agent does not know is taken back already. */
  async deregister(id: string): Promise<void> {
    await this.#ask('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`, { missing: true });
  }

  /** Checks whether the agent still knows an instance. */
  async knows(id: string): Promise<boolean> {
    return (await this.#ask('GET', `/v1/agent/service/${encodeURIComponent(id)}`, { missing: true })) !== undefined;
  }

  /**
   * Finds the instances of a service that pass their checks. Answers at once when `index` is 0, otherwise when something has
   * changed after it, or after `waitMs` (a blocking query).
   */
  async passing(name: string, index: number, waitMs: number, signal: AbortSignal): Promise<Passing> {
    const query = index === 0 ? '' : `&index=${index}&wait=${waitMs}ms`;
    // Consul adds up to a sixteenth of the time to wait, so that not all clients return at once.
    const timeoutMs = (index === 0 ? 0 : waitMs * (1 + 1 / 16)) + REQUEST_MS;
    const path = `/v1/health/service/${encodeURIComponent(name)}?passing=true${query}`;
    const answer = (await this.#ask('GET', path, { timeoutMs, signal })) as ConsulAnswer;
    if (!/^\d{1,15}$/.test(answer.index)) throw this.#unavailable(path, 'answered without an index: is it a Consul?');
    return { index: Number(answer.index), instances: this.#instances(answer.text, path) };
  }

  #instances(text: string, path: string): Instance[] {
    try {
      return (JSON.parse(text) as Entry[]).map((entry) => ({ id: String(entry.Service.ID), endpoints: endpointsOf(entry) }));
    } catch (cause) {
      throw this.#unavailable(path, 'answered with something other than a list of services', cause);
    }
  }

  /** Sends a request. @returns undefined for 404 when that is expected (`missing`) */
  async #ask(method: string, path: string, options: Asking): Promise<ConsulAnswer | undefined> {
    const { body, missing = false, timeoutMs = REQUEST_MS, signal } = options;
    const controller = new AbortController();
    const give = () => controller.abort(signal?.reason);
    const timer = this.#platform.timers.set(timeoutMs, () => controller.abort(new Error(`no answer within ${timeoutMs} ms`)));
    if (signal?.aborted) give();
    signal?.addEventListener('abort', give, { once: true });
    try {
      const answer = await this.#platform.http.fetch(this.#base + path, {
        method,
        headers: await this.#headers(body),
        signal: controller.signal,
        ...(body === undefined ? {} : { body }),
      });
      const text = await limited(answer);
      if (answer.status === 404 && missing) return undefined;
      if (answer.status !== 200) throw this.#refused(path, answer.status, text.trim().slice(0, 200));
      return { text, index: answer.headers.get('x-consul-index') ?? '' };
    } catch (error) {
      if (error instanceof RametError) throw error;
      const cause = controller.signal.aborted ? controller.signal.reason : error;
      throw this.#unavailable(path, `did not answer: ${reasonOf(cause)}`, cause);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', give);
    }
  }

  async #headers(body: string | undefined): Promise<Record<string, string>> {
    const token = this.#token === undefined ? undefined : await sourced(this.#token);
    return {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { 'x-consul-token': token }),
    };
  }

  /** A refused request is a mistake of the configuration. A server that fails, is overloaded, or is not the agent may be replaced. */
  #refused(path: string, status: number, text: string): RametError {
    const what = `answered ${status}: ${text}`;
    if (status < 400 || status >= 500 || status === 429 || status === 408) return this.#unavailable(path, what);
    const remedy = status === 401 || status === 403 ? 'give it a token whose policies allow this' : 'correct the URL of the agent';
    return new RametError('Misconfigured', `${this.name} ${what} [${withoutQuery(path)}]: ${remedy}`);
  }

  #unavailable(path: string, what: string, cause?: unknown): RametError {
    return new RametError('Unavailable', `${this.name} ${what} [${withoutQuery(path)}]`, { cause });
  }
}

const withoutQuery = (path: string): string => path.replace(/\?.*/, '');

interface Asking {
  readonly body?: string;
  readonly missing?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface ConsulAnswer {
  readonly text: string;
  readonly index: string;
}

interface Entry {
  readonly Node?: { readonly Address?: string };
  readonly Service: {
    readonly ID: string;
    readonly Address?: string;
    readonly Port: number;
    readonly Meta?: Readonly<Record<string, string>> | null;
  };
}

/** The metadata of a service holds each endpoint of the instance, by protocol. */
const META = 'ramet-endpoint-';

/** Reads the endpoints of an entry. One without such metadata comes from a release with one transport, or from another program. */
function endpointsOf({ Node, Service }: Entry): readonly Endpoint[] {
  const named = Object.entries(Service.Meta ?? {}).filter(([key]) => key.startsWith(META));
  if (named.length === 0)
    return [{ protocol: DEFAULT_PROTOCOL, host: String(Service.Address || Node?.Address), port: Number(Service.Port) }];
  return named.map(([key, text]) => {
    const protocol = key.slice(META.length);
    return { ...(parseEndpoint(text) ?? { host: text, port: Number.NaN }), protocol };
  });
}

/**
 * Writes the registration of an instance. Its check passes from the beginning, because a process registers when it is ready.
 * Otherwise no caller would find it before the first check, up to ten seconds later.
 */
export function registrationBody({ id, endpoints, tags, healthUrl }: Registration, name: string): string {
  // Releases with one transport read only the address.
  const first = endpoints.find(({ protocol }) => protocol === DEFAULT_PROTOCOL) ?? endpoints[0];
  return JSON.stringify({
    Name: name,
    ID: id,
    Address: first?.host,
    Port: first?.port,
    Tags: tags,
    Meta: Object.fromEntries(endpoints.map((endpoint) => [META + endpoint.protocol, placeOf(endpoint)])),
    Check: { HTTP: healthUrl, Interval: '10s', Timeout: '5s', DeregisterCriticalServiceAfter: '1m', Status: 'passing' },
  });
}

async function limited(answer: Response): Promise<string> {
  if (answer.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BODY_MAX_CHARACTERS) throw new Error(`more than ${BODY_MAX_CHARACTERS} characters`);
  }
  return text + decoder.decode();
}

/** Reads the reason of a failed `fetch`, which is in the cause of its error. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}
