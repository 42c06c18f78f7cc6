import type { Dispatcher } from '../call.ts';
import { Deadlines } from '../policies/deadlines.ts';
import type { RpcServer } from '../transport.ts';
import { type ConnectionHost, ServerConnection, type ServerSettings } from './server-connection.ts';
import { listenAt, type MuxTls, type Place } from './sockets.ts';
import { Upkeep } from './upkeep.ts';

/** So long is waited for those who are asked to call elsewhere; who does not hear it is cut off later. */
const HEARD_MS = 1_000;
/** So long has the other side to take what was written before the end. */
const END_MS = 1_000;

/** Answers calls. @throws Error when the port is taken */
export async function listenMux(
  dispatchers: ReadonlyMap<string, Dispatcher>,
  at: Place,
  settings: Omit<ServerSettings, 'dispatchers' | 'deadlines'> & { readonly tls: () => MuxTls | undefined },
): Promise<RpcServer> {
  const server = new MuxServer({ ...settings, dispatchers, deadlines: new Deadlines(settings.platform) }, settings.tls);
  await server.listen(at);
  return server;
}

class MuxServer implements RpcServer, ConnectionHost {
  readonly #settings: ServerSettings;
  readonly #tls: () => MuxTls | undefined;
  readonly #connections = new Set<ServerConnection>();
  readonly #upkeep: Upkeep;
  #listening: Awaited<ReturnType<typeof listenAt>> | undefined;
  #shown: MuxTls | undefined;
  #unheard = new Set<ServerConnection>();
  #allHeard: (() => void) | undefined;
  #closed: (() => void) | undefined;
  draining = false;

  constructor(settings: ServerSettings, tls: () => MuxTls | undefined) {
    this.#settings = settings;
    this.#tls = tls;
    this.#upkeep = new Upkeep(settings.platform, (nowMono, late) => {
      for (const connection of [...this.#connections]) connection.look(nowMono, late);
      this.#renew();
      return true;
    });
  }

  async listen(at: Place): Promise<void> {
    const { limits, onError } = this.#settings;
    this.#shown = this.#tls();
    this.#listening = await listenAt(
      at,
      this.#shown,
      limits.connections,
      (socket) => void this.#connections.add(new ServerConnection(this.#settings, socket, this)),
      (error) => onError(error, { listening: at.port }),
    );
    this.#upkeep.start();
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  get inFlight(): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.inFlight;
    return count;
  }

  async drain(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    this.#unheard = new Set([...this.#connections].filter(({ peer }) => peer));
    for (const connection of this.#unheard) connection.drain();
    if (this.#unheard.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#settings.platform.timers.set(HEARD_MS, resolve);
      this.#allHeard = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    this.draining = true;
    this.#upkeep.stop();
    this.#listening?.close();
    for (const connection of [...this.#connections]) connection.close(END_MS);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
  }

  heard(connection: ServerConnection): void {
    if (this.#unheard.delete(connection) && this.#unheard.size === 0) this.#allHeard?.();
  }

  lost(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.heard(connection);
    if (this.#connections.size === 0) this.#closed?.();
  }

  /** Certificates are replaced while it runs. */
  #renew(): void {
    const tls = this.#tls();
    if (!tls || tls === this.#shown) return;
    this.#shown = tls;
    this.#listening?.renew(tls);
  }
}
