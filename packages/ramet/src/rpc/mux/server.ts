import { Serving, type ServingSettings } from '../serving.ts';
import type { RpcServer } from '../transport.ts';
import type { LinkSettings } from './link.ts';
import { ServerConnection } from './server-connection.ts';
import { type Listening, listenAt, type MuxTls, type SocketPlace } from './sockets.ts';
import { Upkeep } from './upkeep.ts';

/** The settings of the serving side of mux. */
export interface MuxServerSettings extends LinkSettings, Omit<ServingSettings, 'limits'> {
  readonly tls: () => MuxTls | undefined;
}

/** Listens for calls and answers them. @throws Error when the port is taken */
export async function listenMux(at: SocketPlace, settings: MuxServerSettings): Promise<RpcServer> {
  const server = new MuxServer(settings);
  await server.listen(at);
  return server;
}

class MuxServer implements RpcServer {
  readonly #settings: MuxServerSettings;
  readonly #serving: Serving<ServerConnection>;
  readonly #upkeep: Upkeep;
  #listening: Listening | undefined;
  #shown: MuxTls | undefined;

  constructor(settings: MuxServerSettings) {
    this.#settings = settings;
    this.#serving = new Serving(settings);
    this.#upkeep = new Upkeep(settings.platform, (nowMono, late) => {
      for (const connection of [...this.#serving.connections]) connection.look(nowMono, late);
      this.#renew();
      return true;
    });
  }

  async listen(at: SocketPlace): Promise<void> {
    const { limits, onError, tls } = this.#settings;
    this.#shown = tls();
    this.#listening = await listenAt(at, {
      tls: this.#shown,
      connections: limits.connections,
      accept: (socket) => void new ServerConnection(this.#settings, socket, this.#serving),
      onError: (error) => onError(error, { listening: at.port }),
    });
    this.#upkeep.start();
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  get inFlight(): number {
    return this.#serving.inFlight;
  }

  drain(): Promise<void> {
    return this.#serving.drain();
  }

  async close(): Promise<void> {
    this.#upkeep.stop();
    this.#listening?.close();
    await this.#serving.close();
  }

  /** Shows a new certificate after it was replaced. */
  #renew(): void {
    const tls = this.#settings.tls();
    if (!tls || tls === this.#shown) return;
    this.#shown = tls;
    this.#listening?.renew(tls);
  }
}
