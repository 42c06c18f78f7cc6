import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { realPlatform } from '../platform/index.ts';
import { type EventLog, silentLog } from '../telemetry/index.ts';
import type { HttpAnswer } from './answers.ts';
import { type AdmittedExchange, createHttpServer, type HttpServerOptions, type Refused } from './server.ts';

export const platform = realPlatform();

/** A server whose requests are written down when they run. */
export async function serve(
  answer: (exchange: AdmittedExchange, path: string) => Promise<HttpAnswer>,
  options: Partial<HttpServerOptions> = {},
) {
  /** The targets of the requests that ran, in order. */
  const ran: string[] = [];
  const refused: Refused[] = [];
  const errors: unknown[] = [];
  const log: EventLog = { ...silentLog, event: (_, fields) => void errors.push(fields) };
  const server = createHttpServer({
    platform: options.platform ?? platform,
    log,
    connections: 10_000,
    onRefused: (one) => void refused.push(one),
    async answer(exchange) {
      const { path } = exchange.gated;
      const given = await answer(exchange, path);
      ran.push(path);
      return given;
    },
    ...options,
  });
  const port = await server.listen(0, '127.0.0.1');
  return { server, port, ran, refused, errors, [Symbol.asyncDispose]: () => server.close() };
}

export const text = (body: string, status = 200): HttpAnswer => ({ status, headers: { 'content-type': 'text/plain' }, body });

/** One connection, byte for byte. */
export class Wire {
  readonly socket: Socket;
  received = '';
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1' });
    const wire = new Wire(socket);
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    return wire;
  }

  /** Sends bytes, and waits for what comes until the other side has closed. */
  static async ask(port: number, bytes: string | Buffer): Promise<Wire> {
    const wire = await Wire.open(port);
    wire.socket.write(bytes);
    await until(() => wire.closed, `the end of ${JSON.stringify(String(bytes).slice(0, 60))}`);
    return wire;
  }

  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }
}

export async function until(met: () => boolean, what: string, withinMs = 15_000): Promise<void> {
  const giveUp = performance.now() + withinMs;
  while (!met()) {
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`);
    await sleep(5);
  }
}

export const get = (path: string, ...headers: string[]): string => [`GET ${path} HTTP/1.1`, 'host: a', ...headers, '', ''].join('\r\n');
export const post = (path: string, body: string, ...headers: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: a', `content-length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n');
