import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** How the message begins that executes a prepared COMMIT: the name of the statement stands in it. */
const COMMIT = '\0commit\0';

/** A way to a server on which connections can be cut and held. */
export class WireCutter implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  /** For the next COMMITs: whether each gets to the server. */
  readonly #commits: boolean[] = [];
  #held = false;
  /** How many COMMITs have lost their connection. */
  commitsCut = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => this.#connect(client, dial(target.port, target.host)));
  }

  /** @param url of the server; @returns the way, and the URL of its beginning */
  static async to(url: string): Promise<{ readonly wire: WireCutter; readonly url: string }> {
    const way = new URL(url);
    const wire = new WireCutter({ host: way.hostname, port: Number(way.port) });
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    way.port = String((wire.#server.address() as { port: number }).port);
    return { wire, url: way.href };
  }

  /** Cuts every connection. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** @param reaches for each of the next COMMITs whether the server does it before the connection is cut */
  cutCommits(reaches: readonly boolean[]): void {
    this.#commits.push(...reaches);
  }

  /** Lets nothing pass, until {@link release}; new connections are taken and hear nothing either. */
  hold(): void {
    this.#held = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** Cuts what was held: what was on its way is lost. */
  release(): void {
    this.#held = false;
    this.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(client: Socket, upstream: Socket): void {
    const pair = [client, upstream] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
      if (this.#held) socket.pause();
    }
    let lost = false;
    client.on('data', (bytes) => {
      const reaches = bytes.includes(COMMIT) ? this.#commits.shift() : undefined;
      if (reaches === undefined) return void upstream.write(bytes);
      this.commitsCut++;
      lost = true;
      if (!reaches) return void client.destroy();
      upstream.write(bytes);
      upstream.once('data', () => client.destroy());
    });
    upstream.on('data', (bytes) => {
      if (!lost) client.write(bytes);
    });
  }
}
