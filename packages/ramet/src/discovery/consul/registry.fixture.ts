import type { HttpClient, HttpRequest, Timers } from '../../platform/index.ts';

interface Entry {
  readonly Service: {
    readonly ID: string;
    readonly Service: string;
    readonly Address: string;
    readonly Port: number;
    readonly Meta?: Record<string, string>;
  };
}

/** A server that takes the request and never answers. */
export function silence(_: string, { signal }: HttpRequest): Promise<Response> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
}

/** A Consul in memory that answers the requests of the adapter and keeps all of them. It runs no checks. */
export class ConsulDouble {
  readonly asked: { readonly method: string; readonly path: string; readonly body: string | undefined; readonly headers: object }[] = [];
  /** Answers instead of the registry, unless it gives undefined. */
  intercept: ((path: string, request: HttpRequest) => Response | Promise<Response> | undefined) | undefined;
  down = false;
  index = 10;
  #services = new Map<string, Entry>();
  /** Ends each query that waits: for the look at the clock, or because the registry has gone. */
  readonly #waiting = new Set<(error?: Error) => void>();
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  readonly http: HttpClient = {
    fetch: (url, request = {}) => this.#fetch(new URL(url), request),
    close: async () => {},
  };

  get ids(): string[] {
    return [...this.#services.keys()].sort();
  }

  /** Changes something, as far as those who wait can tell. */
  touch(): void {
    this.index += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** @param meta what an instance of an older release does not have */
  put(service: string, id: string, address: string, port: number, meta?: Record<string, string>): void {
    const more = meta ? { Meta: meta } : {};
    this.#services.set(id, { Service: { ID: id, Service: service, Address: address, Port: port, ...more } });
    this.touch();
  }

  remove(id: string): void {
    if (this.#services.delete(id)) this.touch();
  }

  fall(): void {
    this.down = true;
    for (const end of [...this.#waiting]) end(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
  }

  /** Comes back empty, and counts from the beginning. */
  forget(): void {
    this.fall();
    this.#services = new Map();
    this.index = 1;
    this.down = false;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async #fetch(url: URL, request: HttpRequest): Promise<Response> {
    const { method = 'GET', body, headers = {}, signal } = request;
    this.asked.push({ method, path: url.pathname + url.search, body, headers });
    if (this.down) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    const instead = this.intercept?.(url.pathname + url.search, request);
    if (instead) return instead;
    const last = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
    if (url.pathname === '/v1/agent/service/register') {
      const { Name, ID, Address, Port, Meta } = JSON.parse(body ?? '');
      this.put(Name, ID, Address, Port, Meta);
      return new Response('');
    }
    if (url.pathname.startsWith('/v1/agent/service/deregister/')) {
      if (!this.#services.has(last)) return new Response(`Unknown service ID "${last}"`, { status: 404 });
      this.remove(last);
      return new Response('');
    }
    if (url.pathname.startsWith('/v1/agent/service/')) {
      return this.#services.has(last) ? new Response('{}') : new Response(`unknown service ID: ${last}`, { status: 404 });
    }
    const index = Number(url.searchParams.get('index') ?? 0);
    if (index >= this.index) await this.#change(Number.parseInt(url.searchParams.get('wait') ?? '0', 10), signal);
    const found = [...this.#services.values()].filter(({ Service }) => Service.Service === last);
    return new Response(JSON.stringify(found), { headers: { 'x-consul-index': String(this.index) } });
  }

  #change(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#timers.set(waitMs, () => end());
      const end = (error?: Error) => {
        timer.cancel();
        this.#waiting.delete(end);
        signal?.removeEventListener('abort', abort);
        if (error) reject(error);
        else resolve();
      };
      const abort = () => end(signal?.reason);
      this.#waiting.add(end);
      signal?.addEventListener('abort', abort);
    });
  }
}
