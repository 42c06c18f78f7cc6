import { connect, type Socket } from 'node:net';
import { openLoop, percentiles, quantile } from '../core/measure.ts';

/** The load generator, a process of its own: HTTP/1.1 by raw sockets, so that it takes as little of the machine as it can. */
export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly tokens: readonly string[];
  readonly body: string;
  readonly connections: number;
  readonly status: number;
}
export type LoadAsk = { readonly closedForMs: number } | { readonly openPerSecond: number; readonly forMs: number };

interface Connection {
  readonly token: string;
  ask(request: string): Promise<number>;
  end(): void;
}

const OVERLOADED = 503;
const HEAD_END = Buffer.from('\r\n\r\n');
const options = JSON.parse(process.argv[2] ?? '') as LoadOptions;
let keys = 0;
const run = `${process.pid}-${Date.now()}`;

const requestOf = (token: string) =>
  `POST ${options.path} HTTP/1.1\r\nhost: 127.0.0.1:${options.port}\r\nauthorization: Bearer ${token}\r\nidempotency-key: ${run}-${keys++}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(options.body)}\r\n\r\n${options.body}`;

function open(token: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(options.port, '127.0.0.1');
    socket.setNoDelay(true);
    let got: Buffer = Buffer.alloc(0);
    let answered: ((status: number) => void) | undefined;
    let failed: ((error: Error) => void) | undefined;
    socket.on('data', (bytes: Buffer) => {
      got = got.length === 0 ? bytes : Buffer.concat([got, bytes]);
      const end = got.indexOf(HEAD_END);
      if (end < 0) return;
      const head = got.toString('latin1', 0, end);
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length === undefined) throw new Error(`an answer without a length: ${head}`);
      if (got.length < end + 4 + Number(length)) return;
      const status = Number(head.slice(9, 12));
      // Turned away because there is too much to do: an answer, but not the one that counts.
      if (status !== options.status && status !== OVERLOADED)
        failed?.(new Error(`an answer of ${status}: ${got.toString('utf8', end + 4)}`));
      got = Buffer.alloc(0);
      answered?.(status);
    });
    socket.on('close', () => failed?.(new Error('the server has closed the connection')));
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        token,
        ask: (request) =>
          new Promise((done, fail) => {
            answered = done;
            failed = fail;
            socket.write(request);
          }),
        end: () => {
          failed = undefined;
          socket.destroy();
        },
      }),
    );
  });
}

async function closed(forMs: number): Promise<Record<string, number>> {
  const connections = await openAll(options.connections);
  const began = performance.now();
  const until = began + forMs;
  let answers = 0;
  let accepted = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < until) {
        answers++;
        if ((await connection.ask(requestOf(connection.token))) === options.status) accepted++;
      }
    }),
  );
  const perSecond = (accepted * 1_000) / (performance.now() - began);
  for (const connection of connections) connection.end();
  return { perSecond, answers, refused: ((answers - accepted) * 100) / answers };
}

async function constant(perSecond: number, forMs: number): Promise<Record<string, number>> {
  // More connections than the closed loop has: a request that is due does not wait for an answer to another.
  const free = await openAll(options.connections * 4);
  const all = [...free];
  const waiting: ((connection: Connection) => void)[] = [];
  const tookMs = await openLoop(
    async () => {
      const connection = free.pop() ?? (await new Promise<Connection>((resolve) => waiting.push(resolve)));
      await connection.ask(requestOf(connection.token));
      const next = waiting.shift();
      if (next) next(connection);
      else free.push(connection);
    },
    perSecond,
    forMs,
  );
  for (const connection of all) connection.end();
  return { ...percentiles(tookMs), 'p99.9': quantile(tookMs, 0.999) };
}

const openAll = (count: number): Promise<Connection[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => open(options.tokens[i % options.tokens.length] as string)));

process.on('disconnect', () => process.exit(0));
process.on('message', (ask: LoadAsk) => {
  const measured = 'closedForMs' in ask ? closed(ask.closedForMs) : constant(ask.openPerSecond, ask.forMs);
  measured.then(
    (figures) => process.send?.({ figures }),
    (error: unknown) => process.send?.({ error: (error as Error).stack }),
  );
});
process.send?.({ ready: true });
