import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A network between two processes that can fail: cut, or silent. */
export class FaultyNetwork {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections made so far. */
  made = 0;
  /** What is held up, in its order, while the network is silent. */
  #held: (() => void)[] | undefined;

  private constructor(to: number) {
    this.#server = createServer((near) => {
      this.made++;
      const far = connect(to, '127.0.0.1');
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.setNoDelay(true);
        one.on('error', () => {});
        one.on('data', (chunk) => {
          if (this.#held) this.#held.push(() => other.write(chunk));
          else other.write(chunk);
        });
        one.on('close', () => {
          this.#sockets.delete(one);
          other.end();
        });
      }
    });
  }

  static async to(port: number): Promise<FaultyNetwork> {
    const network = new FaultyNetwork(port);
    await new Promise<void>((resolve) => network.#server.listen(0, '127.0.0.1', resolve));
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Holds everything back, and ends nothing. */
  silence(): void {
    this.#held = [];
  }

  /** Delivers what was held back. */
  deliver(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const pass of held) pass();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}
