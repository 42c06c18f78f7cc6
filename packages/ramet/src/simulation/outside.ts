import type { GatewayDefinition } from '../gateway/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { FaultPlan } from './faults.ts';
import type { Delivered, End, Network } from './network.ts';
import type { Scheduler } from './scheduler.ts';

/** A request as a double of a system that is not ours sees it. */
export interface OutsideRequest {
  readonly method: string;
  /** Path and query, from the system's URL on. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface OutsideAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The double of a system that is not ours: a function that answers HTTP requests, or, for one that is reached by a client
 * library, an object with the methods of that client. It keeps its state while processes die, as the real one does.
 */
export type Double = ((request: OutsideRequest, world: { readonly nowMs: number }) => OutsideAnswer | Promise<OutsideAnswer>) | object;

export interface ExternalRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What is read of an answer, without the streams of a real one: those need turns of the event loop that no seed decides. */
const externalResponse = ({ status, body = '', headers = {} }: OutsideAnswer): Response =>
  ({
    status,
    ok: status >= 200 && status < 300,
    headers: new Headers(headers),
    text: async () => body,
    json: async () => JSON.parse(body),
  }) as Response;

/**
 * How late a request may reach a system that is not ours, in milliseconds: a connection is given up before that. Effects
 * count on such a bound with their `quiet`.
 */
const LATE_MAX_MS = 4_000;

interface KnownDouble {
  readonly end: End;
  readonly url: string;
  readonly double: Double;
}

/** The systems that are not ours: always there, and their state outlives every process; but the way to them is like any other. */
export class Outside {
  readonly #network: Network;
  readonly #faults: FaultPlan;
  readonly #scheduler: Scheduler;
  readonly #doubles: ReadonlyMap<string, KnownDouble>;

  constructor(network: Network, faults: FaultPlan, scheduler: Scheduler, doubles: ReadonlyMap<string, KnownDouble>) {
    this.#network = network;
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#doubles = doubles;
  }

  /** Answers a request by the double whose URL it begins with. */
  fetch(from: End, url: string, request: ExternalRequest = {}): Promise<Response> {
    const found = [...this.#doubles].find(([, { url: base }]) => base !== '' && url.startsWith(base));
    if (!found) return Promise.reject(new Error(`'${url}' is no external system of this simulation; give a double of it in 'externals'`));
    const [name, { end, url: base, double }] = found;
    if (typeof double !== 'function') return Promise.reject(new Error(`the double of '${name}' answers no HTTP: make it a function`));
    const path = url.slice(base.length);
    const method = request.method ?? 'GET';
    return this.#call(from, end, `${method} ${path.split(/[/?]/)[1] ?? ''}`, async () => {
      if (this.#faults.at('external-error', name)) return { status: 503, body: '{"error":"simulated"}' };
      return double({ method, path, headers: request.headers ?? {}, body: request.body ?? '' }, { nowMs: this.#scheduler.now });
    }).then(externalResponse);
  }

  /** Stands for the client of a system that is reached by a library: each of its methods goes over the network. */
  client<T extends object>(from: End, name: string): T {
    const known = this.#doubles.get(name);
    if (!known || typeof known.double === 'function')
      throw new Error(`'${name}' is no external system of this simulation; give an object that stands for its client in 'externals'`);
    const { end, double } = known;
    return new Proxy(double as T, {
      get: (target, method) => {
        const real = (target as Record<string | symbol, unknown>)[method];
        if (typeof real !== 'function') return real;
        return (...args: unknown[]) =>
          this.#call(from, end, String(method), async () => (real as (...given: unknown[]) => unknown).apply(target, args));
      },
    });
  }

  /** A call to a system that is not ours: it is always there, but the way to it is like every other. */
  #call<T>(from: End, end: End, what: string, answer: () => Promise<T>): Promise<T> {
    type Outcome = { readonly value: T } | { readonly error: unknown };
    return new Promise<T>((resolve, reject) => {
      this.#network.send<Outcome>(
        from,
        { host: end.host, lateMaxMs: LATE_MAX_MS, end: () => end },
        what,
        async () => {
          try {
            return { value: await answer() };
          } catch (error) {
            return { error };
          }
        },
        (delivered: Delivered<Outcome>) => {
          if (!('answer' in delivered)) reject(new Error(`the connection to '${end.host}' broke ${delivered.broken} the request`));
          else if ('error' in delivered.answer) reject(delivered.answer.error);
          else resolve(delivered.answer.value);
        },
      );
    });
  }
}

/** The doubles with the URLs that their systems are declared with. */
export function doublesOf({
  externals,
  system,
}: {
  readonly externals: Readonly<Record<string, Double>>;
  readonly system: {
    readonly services: ReadonlyMap<string, ServiceDefinition>;
    readonly gateways: ReadonlyMap<string, GatewayDefinition>;
  };
}): Map<string, KnownDouble> {
  const urls = new Map<string, string>();
  const routes = [...system.gateways.values()].flatMap((gateway) => gateway.routes);
  const uses = [
    ...[...system.services.values()].map((service) => service.uses),
    ...routes.map((route) => ('uses' in route ? route.uses : {})),
  ];
  for (const use of uses.flatMap((each) => Object.values(each ?? {})))
    if (typeof use === 'object' && use !== null && 'external' in use)
      urls.set(use.external as string, 'url' in use ? (use.url as string) : '');
  return new Map(
    Object.entries(externals).map(([name, double]) => [
      name,
      { end: { name, host: name, alive: true, pausedUntil: 0 }, url: urls.get(name) ?? '', double },
    ]),
  );
}
