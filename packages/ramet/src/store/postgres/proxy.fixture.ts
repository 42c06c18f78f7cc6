import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** What happens to a COMMIT on its way. */
export type CommitFault =
  /** The server never receives it. */
  | 'before'
  /** The server executes it; its answer is lost. */
  | 'after'
  /** The connection is cut at once; the server receives it {@link LATE_MS} later. */
  | 'late';

export const LATE_MS = 400;
/** A value in transactions that are sent in one packet, by which the proxy recognizes their commit. */
export const IN_ONE_PACKET = 'all in one packet';

/** A connection to a server that is cut at the COMMIT, before or after the server received it. */
export interface Proxy {
  readonly url: string;
  /** The number of faults that have taken place. */
  readonly cuts: number;
  /** Chooses the fault of the next COMMIT. */
  next(fault: CommitFault): void;
  /** Cuts every connection. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function proxyTo(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const faults: CommitFault[] = [];
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server: Server = createServer((client) => {
    const upstream = dial(Number(port), hostname);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let deaf = false;
    client.on('data', (bytes) => {
      // The name of the prepared statement is in the message that executes it. A transaction in one packet does not need it.
      const fault = bytes.includes('\0commit\0') || bytes.includes(IN_ONE_PACKET) ? faults.shift() : undefined;
      if (fault === undefined) return void upstream.write(bytes);
      cuts++;
      if (fault === 'before') {
        client.destroy();
        upstream.destroy();
      } else if (fault === 'late') {
        deaf = true;
        client.destroy();
        setTimeout(() => {
          upstream.write(bytes);
          setTimeout(() => upstream.destroy(), 200);
        }, LATE_MS);
      } else {
        deaf = true;
        upstream.write(bytes);
        upstream.once('data', () => {
          client.destroy();
          upstream.destroy();
        });
      }
    });
    upstream.on('data', (bytes) => {
      if (!deaf) client.write(bytes);
    });
    client.on('close', () => {
      if (!deaf) upstream.destroy();
    });
    upstream.on('close', () => {
      client.destroy();
      sockets.delete(client);
      sockets.delete(upstream);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as { port: number }).port);
  return {
    url: url.href,
    get cuts() {
      return cuts;
    },
    next: (fault) => void faults.push(fault),
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
