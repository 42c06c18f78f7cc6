import { connect } from 'node:net';

/** What came back on a connection, byte for byte, until the other side closed it or fell silent. */
export interface RawAnswer {
  readonly text: string;
  /** Of each answer that is in it. */
  readonly statuses: readonly number[];
  readonly closed: boolean;
}

const SILENCE_MS = 700;
const LONGEST_MS = 15_000;

/** Sends bytes that no client library would send. @param end whether we say that nothing more comes */
export function sendRaw(url: string, bytes: string | Buffer, { end = false }: { end?: boolean } = {}): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    const settle = (closed: boolean) => {
      clearTimeout(silence);
      clearTimeout(longest);
      socket.destroy();
      const text = Buffer.concat(chunks).toString('latin1');
      resolve({ text, statuses: [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status)), closed });
    };
    let silence: NodeJS.Timeout | undefined;
    const longest = setTimeout(() => settle(false), LONGEST_MS);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      clearTimeout(silence);
      silence = setTimeout(() => settle(false), SILENCE_MS);
    });
    socket.on('close', () => settle(true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The rest of what we wrote was not read: a refusal need not wait for it.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.write(bytes);
    if (end) socket.end();
  });
}
