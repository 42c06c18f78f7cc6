import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** How a server, or the network on the way to it, fails. */
export type Outage =
  /** Connections are closed at once, as by a proxy whose server does not exist any more. */
  | 'closed'
  /** Connections are reset. */
  | 'reset'
  /** Nothing listens: new connections are refused, and existing ones are cut. */
  | 'refused'
  /** Connections stay open and nothing comes back. */
  | 'silent';

/** A connection to a server that fails at a chosen moment, for some time. */
export interface UnreliableWay<Said extends string = never> {
  readonly url: string;
  /** How many packets clients have sent to the server. */
  readonly packets: number;
  /** Fails in this way after `after` more packets, for `forMs` milliseconds; connections that are opened in this time fail as well. */
  fail(outage: Outage | Said, after: number, forMs: number): void;
  /** Cancels a planned failure that has not begun. */
  spare(): void;
  /** Whether the planned failure has begun. */
  readonly failed: boolean;
  /** Whether the failure is under way, so that nothing reaches the server. */
  readonly failing: boolean;
  close(): Promise<void>;
}

/**
 * Opens a way to a server.
 * @param target a URL with a port
 * @param says what the server answers in its own protocol before it closes the connection, by the name of that outage
 */
export async function unreliableWay<Said extends string = never>(
  target: string,
  says: Readonly<Record<Said, Buffer | string>> = {} as Record<Said, never>,
): Promise<UnreliableWay<Said>> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let packets = 0;
  let planned: { outage: Outage | Said; at: number; forMs: number } | undefined;
  let current: Outage | Said | undefined;
  let failed = false;

  const end = (client: Socket, outage: Outage | Said) => {
    if (outage === 'silent') return;
    if (outage === 'closed') client.end();
    else if (outage === 'reset' || outage === 'refused') client.resetAndDestroy();
    else client.end(says[outage as Said]);
  };
  const server: Server = createServer((client) => {
    sockets.add(client);
    client.setNoDelay(true);
    client.on('error', () => {});
    client.on('close', () => sockets.delete(client));
    const upstream = dial(Number(port), hostname);
    sockets.add(upstream);
    upstream.setNoDelay(true);
    upstream.on('error', () => {});
    client.on('data', (bytes) => {
      packets++;
      if (planned && packets > planned.at) begin();
      if (current) end(client, current);
      else upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!current) client.write(bytes);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      sockets.delete(upstream);
      if (current !== 'silent') client.destroy();
    });
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const { port: own } = server.address() as { port: number };
  const begin = () => {
    if (!planned) return;
    const { outage, forMs } = planned;
    planned = undefined;
    current = outage;
    failed = true;
    if (outage === 'refused') server.close();
    if (outage !== 'silent') for (const socket of [...sockets]) if (socket.localPort === own) end(socket, outage);
    setTimeout(() => {
      current = undefined;
      if (outage === 'silent') for (const socket of sockets) socket.destroy();
      if (outage === 'refused') void listen(own);
    }, forMs);
  };
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(own);
  return {
    url: url.href,
    get packets() {
      return packets;
    },
    get failed() {
      return failed;
    },
    get failing() {
      return current !== undefined;
    },
    fail(outage, after, forMs) {
      failed = false;
      planned = { outage, at: packets + after, forMs };
    },
    spare() {
      planned = undefined;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
