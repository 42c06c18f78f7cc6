import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/**
 * What a transaction that wrote says last: that this commit, the how many-th, is of this connection (store/postgres/writer.ts).
 * It travels in one packet with the COMMIT, or with what is committed without one.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: two parameters of the protocol, each with its length before it
const COMMIT = /\0\x02\0\0\0[\x01-\x0f]\d+\0\0\0\x1econ_/;

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A way to a server on which connections can be cut and held. */
export class WireCutter implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  /** For the next COMMITs: whether each gets to the server. */
  readonly #commits: boolean[] = [];
  #target: Place | undefined;
  #held = false;
  /** How many COMMITs have lost their connection. */
  commitsCut = 0;
  /** How many connections were cut. */
  cuts = 0;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      if (this.#target) this.#connect(client, dial({ ...this.#target, allowHalfOpen: true }));
      else client.destroy();
    });
  }

  /** @param url of the server; @returns the way, and the URL of its beginning */
  static async to(url: string): Promise<{ readonly wire: WireCutter; readonly url: string }> {
    const way = new URL(url);
    const wire = await WireCutter.open({ host: way.hostname, port: Number(way.port) });
    way.port = String(wire.port);
    return { wire, url: way.href };
  }

  /** @param target where it leads; {@link lead} may tell it later */
  static async open(target?: Place): Promise<WireCutter> {
    const wire = new WireCutter();
    wire.#target = target;
    await new Promise<void>((resolve, reject) => {
      wire.#server.once('error', reject);
      wire.#server.listen(0, '127.0.0.1', resolve);
    });
    return wire;
  }

  /** Where it begins, on the loopback address. */
  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Says where it leads. */
  lead(target: Place): void {
    this.#target = target;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const pair of this.#pairs) {
      this.cuts++;
      for (const socket of pair) socket.destroy();
    }
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
    let lost = false;
    client.on('data', (bytes) => {
      const reaches = this.#commits.length > 0 && COMMIT.test(bytes.toString('latin1')) ? this.#commits.shift() : undefined;
      if (reaches === undefined) return this.#pass(bytes, client, upstream);
      this.commitsCut++;
      lost = true;
      if (!reaches) return void client.destroy();
      upstream.write(bytes);
      upstream.once('data', () => client.destroy());
    });
    upstream.on('data', (bytes) => {
      if (!lost) this.#pass(bytes, upstream, client);
    });
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      // What was said before the end arrives before it.
      socket.once('end', () => other.end());
      socket.once('close', () => {
        if (!socket.readableEnded) other.destroy();
        // One side that has ended may wait for the other for ever: it is still there to be cut.
        if (other.destroyed) this.#pairs.delete(pair);
      });
      if (this.#held) socket.pause();
    }
  }

  /** The sender waits for a slow reader. */
  #pass(bytes: Buffer, from: Socket, to: Socket): void {
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => {
      if (!this.#held) from.resume();
    });
  }
}
