import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** How a server, or the way to it, fails. */
export type Outage =
  /** Connections are closed at once, as by a proxy whose server is gone. */
  | 'closed'
  /** Connections are reset. */
  | 'reset'
  /** Nothing listens: connections are refused, and those that exist are cut. */
  | 'refused'
  /** Connections stay open and nothing comes back. */
  | 'silent'
  /** The server ends the session with this SQLSTATE. */
  | '57P03'
  | '57P01'
  | '53300'
  | '25006'
  | '08006';

/** A way to a server that fails at a chosen moment, for a while. */
export interface UnreliableWay {
  readonly url: string;
  /** How many packets clients have sent to the server. */
  readonly packets: number;
  /** Fails in this way from the next packet but `after` on, for `forMs` milliseconds; later connections fail as well until then. */
  fail(outage: Outage, after: number, forMs: number): void;
  /** Whether the failure that was asked for has begun. */
  readonly failed: boolean;
  close(): Promise<void>;
}

const SAYS: Readonly<Record<string, string>> = {
  '57P03': 'the database system is starting up',
  '57P01': 'terminating connection due to administrator command',
  '53300': 'sorry, too many clients already',
  '25006': 'cannot execute INSERT in a read-only transaction',
  '08006': 'connection failure',
};

/** An ErrorResponse of the protocol, after which a server closes the session. */
function fatal(state: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${SAYS[state]}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

export async function unreliableWay(target: string): Promise<UnreliableWay> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let packets = 0;
  let planned: { outage: Outage; at: number; forMs: number } | undefined;
  let current: Outage | undefined;
  let failed = false;

  const end = (client: Socket, outage: Outage) => {
    if (outage === 'silent') return;
    if (outage === 'closed') client.end();
    else if (outage === 'reset' || outage === 'refused') client.resetAndDestroy();
    else client.end(fatal(outage));
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
    fail(outage, after, forMs) {
      failed = false;
      planned = { outage, at: packets + after, forMs };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
