import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId, type Platform } from '../platform/index.ts';
import type { Discovery, DiscoveryCapabilities, Endpoint, Instance, Registration } from './index.ts';

/** Where the services of one case are made known. */
export interface DiscoveryPlace {
  readonly platform: Platform;
  /** How many times as fast as a clock its platform's time passes (default 1). */
  readonly speed?: number;
  /** A discovery as a process makes one when it starts; those of one place know of each other's instances. */
  discovery(onError: (error: unknown) => void): Discovery;
  /** Makes the registry unreachable until {@link mend}. */
  cut?(): Promise<void>;
  mend?(): Promise<void>;
  /** Makes the registry lose all its data, as if it were set up again. */
  forget?(): Promise<void>;
  dispose(): Promise<void>;
}

/** How long a change may take until it is seen, in milliseconds; one that is pushed, and one that is looked for. */
export const PUSHED_MS = 1_000;
const SEEN_MS = 30_000;

/** One case's registry, the processes around it, and something that answers health checks. */
export class DiscoveryFixture {
  readonly capabilities: DiscoveryCapabilities;
  readonly platform: Platform;
  /** The failures that background loops reported. */
  readonly errors: unknown[] = [];
  readonly #place: DiscoveryPlace;
  readonly #open: Discovery[] = [];
  readonly #health: HealthServer;

  constructor(capabilities: DiscoveryCapabilities, place: DiscoveryPlace, health: HealthServer) {
    this.capabilities = capabilities;
    this.platform = place.platform;
    this.#place = place;
    this.#health = health;
  }

  /** Of the platform: how much of its time passes in so many milliseconds of a clock. */
  clockMs(ms: number): number {
    return ms * (this.#place.speed ?? 1);
  }

  /** The discovery of one more process. */
  process(): Discovery {
    const discovery = this.#place.discovery((error) => this.errors.push(error));
    this.#open.push(discovery);
    return discovery;
  }

  /** A process that has made one instance known. */
  async offering(service: string, more: Partial<Registration> = {}): Promise<{ discovery: Discovery; instance: Instance }> {
    const discovery = this.process();
    const registration = this.registration(service, more);
    await discovery.register([registration]);
    return { discovery, instance: instanceOf(registration) };
  }

  registration(service: string, more: Partial<Registration> = {}): Registration {
    return registration(this.platform, service, this.#health.port, more);
  }

  /** A process that follows services and has looked once. */
  async following(...services: string[]): Promise<Discovery> {
    const discovery = this.process();
    await discovery.follow(services, SEEN_MS);
    return discovery;
  }

  /** Whether what answers health checks says that it is well. */
  set healthy(healthy: boolean) {
    this.#health.healthy = healthy;
  }

  /** Answers health checks well even when {@link healthy} is false. */
  get alwaysWellUrl(): string {
    return `http://127.0.0.1:${this.#health.port}/always`;
  }

  cut = () => this.#ask('cut');
  mend = () => this.#ask('mend');
  forget = () => this.#ask('forget');

  async #ask(what: 'cut' | 'mend' | 'forget'): Promise<void> {
    const does = this.#place[what];
    if (!does) throw new Error(`the harness offers no ${what}(): add it, or name this case as an exception`);
    await does.call(this.#place);
  }

  /** Waits until exactly these are known. @returns after how many milliseconds */
  async seen(by: Discovery, service: string, expected: readonly Instance[], withinMs = SEEN_MS): Promise<number> {
    const listed = (instances: readonly Instance[]) => JSON.stringify(comparable(instances, this.capabilities.registers));
    const wanted = listed(expected);
    const startMono = this.platform.clock.monoNow();
    for (;;) {
      const found = listed(by.instances(service));
      const passedMs = this.platform.clock.monoNow() - startMono;
      if (found === wanted) return passedMs;
      if (passedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${wanted} of '${service}', but ${found}`);
      await this.platform.timers.sleep(5);
    }
  }

  /** Makes sure that exactly these are known, and stay so. */
  async stays(by: Discovery, service: string, expected: readonly Instance[], forMs = 500): Promise<void> {
    await this.seen(by, service, expected);
    const startMono = this.platform.clock.monoNow();
    while (this.platform.clock.monoNow() - startMono < forMs) {
      await this.seen(by, service, expected, 0);
      await this.platform.timers.sleep(20);
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#open.map((discovery) => discovery.close()));
    await this.#place.dispose();
    await this.#health.close();
  }
}

/** Runs a case with a registry of its own. */
export type OnDiscovery = (run: (fixture: DiscoveryFixture) => Promise<void>) => () => Promise<void>;

/** Makes a registration with a random port. */
export function registration(platform: Platform, service: string, healthPort: number, more: Partial<Registration> = {}): Registration {
  const port = 20_000 + Math.floor(platform.random.next() * 10_000);
  const healthUrl = `http://127.0.0.1:${healthPort}/health`;
  return { id: newId(platform, service), service, endpoints: [muxAt(port)], tags: ['conformance'], healthUrl, ...more };
}

/** Makes an endpoint on this machine. */
export const muxAt = (port: number): Endpoint => ({ protocol: 'mux', host: '127.0.0.1', port });

/** Makes the instance that a registration makes known. */
export const instanceOf = ({ id, endpoints }: Registration): Instance => ({ id, endpoints });

/** Ids are what the processes said; where these say nothing, the adapter makes them up. */
const comparable = (instances: readonly Instance[], withIds: boolean): string[] =>
  instances
    .map(({ id, endpoints }) => [
      ...endpoints.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`).sort(),
      ...(withIds ? [id] : []),
    ])
    .map((texts) => texts.join(' '))
    .sort();

/** A server that answers health checks. */
export interface HealthServer {
  readonly port: number;
  healthy: boolean;
  close(): Promise<void>;
}

/** Starts a server that answers health checks. */
export async function serveHealth(): Promise<HealthServer> {
  const health = { healthy: true };
  const server = createServer((request, answer) => {
    answer.writeHead(health.healthy || request.url === '/always' ? 200 : 503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(health, {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
