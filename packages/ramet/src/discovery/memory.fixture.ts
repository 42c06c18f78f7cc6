import { RametError } from '../errors/index.ts';
import { type Platform, realPlatform } from '../platform/index.ts';
import {
  type DiscoveryCapabilities,
  type Instance,
  type Look,
  type Registration,
  type Registry,
  registryFactory,
  type Since,
} from './index.ts';

export const MEMORY_CAPABILITIES: DiscoveryCapabilities = { name: 'memory', registers: true, checks: false, pushes: true };

export const SPEED = 10;

/** Time passes ten times as fast: nothing here waits for a clock outside this process. */
export function fastPlatform(): Platform {
  const real = realPlatform();
  const { clock, timers } = real;
  return {
    ...real,
    clock: { wallNow: clock.wallNow, monoNow: () => clock.monoNow() * SPEED },
    timers: {
      ...timers,
      set: (delayMs: number, fire: () => void) => timers.set(delayMs / SPEED, fire),
      sleep: (delayMs: number, signal?: AbortSignal) => timers.sleep(delayMs / SPEED, signal),
    },
  };
}

/** A registry in memory that counts revisions, as etcd does. */
export class MemoryServer {
  down = false;
  #revision = 1;
  #entries = new Map<string, Registration>();
  readonly #waiting = new Set<(error?: Error) => void>();

  readonly factory = registryFactory(MEMORY_CAPABILITIES, { allow: ['loopback'] }, (platform) => new MemoryRegistry(this, platform));

  change(change: (entries: Map<string, Registration>) => void): void {
    this.reach();
    change(this.#entries);
    this.#revision += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** @throws RametError Unavailable while it is down */
  reach(): void {
    if (this.down) throw new RametError('Unavailable', 'the registry in memory is down');
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  read(service: string): Look {
    this.reach();
    const instances = [...this.#entries.values()]
      .filter((one) => one.service === service)
      .map(({ id, endpoints }): Instance => ({ id, endpoints }));
    return { instances, position: String(this.#revision) };
  }

  /** Resolves when the revision is beyond `position`, or after `waitMs`. */
  async changed({ position, waitMs }: Since, platform: Platform, signal: AbortSignal): Promise<void> {
    this.reach();
    if (this.#revision !== Number(position)) return;
    await new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => {
        timer.cancel();
        this.#waiting.delete(end);
        signal.removeEventListener('abort', abort);
        if (error) reject(error);
        else resolve();
      };
      const abort = () => end(signal.reason);
      const timer = platform.timers.set(waitMs, () => end());
      this.#waiting.add(end);
      signal.addEventListener('abort', abort);
    });
  }

  fall(): void {
    this.down = true;
    for (const end of [...this.#waiting]) end(new RametError('Unavailable', 'the registry in memory went down'));
  }

  /** Loses its data, and counts from the beginning. */
  forget(): void {
    this.fall();
    this.#entries = new Map();
    this.#revision = 1;
    this.down = false;
  }
}

/** All that an adapter has to do. */
class MemoryRegistry implements Registry {
  readonly name = 'the registry in memory';
  readonly #server: MemoryServer;
  readonly #platform: Platform;

  constructor(server: MemoryServer, platform: Platform) {
    this.#server = server;
    this.#platform = platform;
  }

  async register(registration: Registration): Promise<void> {
    this.#server.change((entries) => void entries.set(registration.id, registration));
  }

  async keep(registration: Registration): Promise<void> {
    this.#server.reach();
    if (!this.#server.has(registration.id)) await this.register(registration);
  }

  async withdraw(id: string): Promise<void> {
    this.#server.change((entries) => void entries.delete(id));
  }

  async look(service: string, since: Since | undefined, signal: AbortSignal): Promise<Look> {
    if (since) await this.#server.changed(since, this.#platform, signal);
    return this.#server.read(service);
  }
}
