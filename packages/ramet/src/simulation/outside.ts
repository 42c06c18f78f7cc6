import type { GatewayDefinition } from '../gateway/index.ts';
import type { OutgoingRequest } from '../platform/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { FaultPlan } from './faults.ts';
import type { Delivered, End, Network } from './network.ts';
import type { Scheduler } from './scheduler.ts';

/** A request as the double of an external system sees it. */
export interface OutsideRequest {
  readonly method: string;
  /** Path and query, relative to the system's URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer of a double. */
export interface OutsideAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The double of an external system: a function that answers HTTP requests, or an object with the methods of the client library that the
 * services use. It keeps its state while processes end, as the real system does.
 */
export type Double = ((request: OutsideRequest, world: { readonly nowMs: number }) => OutsideAnswer | Promise<OutsideAnswer>) | object;

/** An answer without the streams of a real one: those need turns of the event loop, which no seed decides. */
const externalResponse = ({ status, body = '', headers = {} }: OutsideAnswer): Response =>
  ({
    status,
    ok: status >= 200 && status < 300,
    headers: new Headers(headers),
    text: async () => body,
    json: async () => JSON.parse(body),
  }) as Response;

/**
 * How late a request may reach an external system, in milliseconds: connections are closed before that. Effects rely on such a bound with
 * their `quiet`.
 */
const LATE_MAX_MS = 4_000;

interface KnownDouble {
  readonly end: End;
  readonly double: Double;
}

/** The external systems: they never end, and their state outlives every process, but the network to them fails as any other. */
export class Outside {
  readonly #network: Network;
  readonly #faults: FaultPlan;
  readonly #scheduler: Scheduler;
  readonly #doubles: ReadonlyMap<string, KnownDouble>;
  readonly #missing: (detail: string) => void;

  /** @param missing called with each system that is called and has no double */
  constructor(
    network: Network,
    faults: FaultPlan,
    scheduler: Scheduler,
    doubles: ReadonlyMap<string, KnownDouble>,
    missing: (detail: string) => void,
  ) {
    this.#network = network;
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#doubles = doubles;
    this.#missing = missing;
  }

  /** Answers a request with the double of the system that it names. */
  fetch(from: End, url: string, request: OutgoingRequest = {}): Promise<Response> {
    const { name, path } = request.external ?? { name: '', path: '' };
    const known = this.#doubles.get(name);
    if (!known) {
      const double = name === '' ? "declare the system with external() in 'uses'" : `give a double of '${name}' in 'externals'`;
      return this.#refuse(`${from.name} sent a request to '${url}', which no double answers: ${double}`);
    }
    const { end, double } = known;
    if (typeof double !== 'function')
      return this.#refuse(`the double of '${name}' is an object, and '${name}' is reached over HTTP: make it a function`);
    const method = request.method ?? 'GET';
    return this.#call(from, end, `${method} ${path.split(/[/?]/)[1] ?? ''}`, async () => {
      if (this.#faults.at('external-error', name)) return { status: 503, body: '{"error":"simulated"}' };
      return double({ method, path, headers: request.headers ?? {}, body: request.body ?? '' }, { nowMs: this.#scheduler.now });
    }).then(externalResponse);
  }

  #refuse(detail: string): Promise<never> {
    this.#missing(detail);
    return Promise.reject(new Error(detail));
  }

  /** Makes the client of a system that services reach by a library: each of its methods crosses the network. */
  client<T extends object>(from: End, name: string): T {
    const known = this.#doubles.get(name);
    if (!known || typeof known.double === 'function')
      throw new Error(`'${name}' is not an external system of this simulation; give an object that stands for its client in 'externals'`);
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

  /** Calls an external system over the network. */
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

/**
 * Returns the doubles by the names of their systems.
 * @throws RangeError for a double of a system that nothing of the simulation uses
 */
export function doublesOf({
  externals,
  system,
}: {
  readonly externals: Readonly<Record<string, Double>>;
  readonly system: Definitions;
}): Map<string, KnownDouble> {
  const declared = externalsOf(system);
  const unknown = Object.keys(externals).filter((name) => !declared.has(name));
  if (unknown.length > 0) {
    const known = declared.size > 0 ? `there are ${[...declared].join(', ')}` : 'there are none';
    throw new RangeError(`'externals' has doubles of ${unknown.join(', ')}, which no external() in 'uses' declares; ${known}`);
  }
  return new Map(
    Object.entries(externals).map(([name, double]) => [name, { end: { name, host: name, alive: true, pausedUntil: 0 }, double }]),
  );
}

interface Definitions {
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  readonly gateways: ReadonlyMap<string, GatewayDefinition>;
}

function externalsOf({ services, gateways }: Definitions): Set<string> {
  // A value that is not a definition is refused when the process starts.
  const routes = [...gateways.values()].flatMap((gateway) => gateway?.routes ?? []);
  const uses = [
    ...[...services.values()].flatMap((service) => [service?.uses, ...(service?.sagas ?? []).map((saga) => saga?.uses)]),
    ...routes.map((route) => ('uses' in route ? route.uses : {})),
  ];
  const names = uses
    .flatMap((each) => Object.values(each ?? {}))
    .flatMap((use) => (typeof use === 'object' && use !== null && 'external' in use ? [use.external as string] : []));
  return new Set(names);
}
