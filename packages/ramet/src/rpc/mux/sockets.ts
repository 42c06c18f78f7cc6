import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import { RametError } from '../../errors/index.ts';

/** What a process shows of itself, and whom it believes: PEM. */
export interface MuxTls {
  readonly key: string;
  readonly cert: string;
  /** Of the authorities whose certificates are believed. Both sides show one. */
  readonly ca: string;
  /** The name that the certificates of others bear, where it is not the host that they are called by. */
  readonly serverName?: string;
}

export interface SocketPlace {
  readonly host: string;
  readonly port: number;
}

/** Where somebody answers, for people. */
export const placeName = ({ host, port }: SocketPlace): string => `${host}:${port}`;

/** A client that does not finish its TLS handshake is let go. */
const HANDSHAKE_MS = 5_000;

/** A host that begins with a slash is a folder of Unix sockets, one for each port. */
const isFolder = (host: string): boolean => host.startsWith('/');
const socketPath = ({ host, port }: SocketPlace): string => `${host}/${port}.sock`;

/** Begins to connect. @param opened called when bytes can be sent */
export function dial(place: SocketPlace, tls: MuxTls | undefined, opened: () => void): Socket {
  const at = isFolder(place.host) ? { path: socketPath(place) } : { host: place.host, port: place.port };
  if (!tls) {
    const socket = connect(at);
    socket.once('connect', opened);
    return socket;
  }
  const name = tls.serverName ?? (isIP(place.host) || isFolder(place.host) ? undefined : place.host);
  const socket = connectTls({ ...at, ...contextOf(tls), ...(name === undefined ? {} : { servername: name }), minVersion: 'TLSv1.3' });
  socket.once('secureConnect', opened);
  return socket;
}

export interface Listening {
  readonly port: number;
  /** Shows another certificate from now on. */
  renew(tls: MuxTls): void;
  /** Takes no more connections. */
  close(): void;
}

export interface ListenOptions {
  readonly tls: MuxTls | undefined;
  /** How many connections there may be at once. */
  readonly connections: number;
  readonly accept: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
}

/**
 * Listens on a port, 0 for any free one.
 * @throws Error when the port is taken, or a Unix socket has no number
 */
export async function listenAt(place: SocketPlace, { tls, connections, accept, onError }: ListenOptions): Promise<Listening> {
  const secure =
    tls &&
    createTlsServer(
      { ...contextOf(tls), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_MS },
      accept,
    );
  const server: Server = secure ?? createServer(accept);
  secure?.on('tlsClientError', onError);
  server.maxConnections = connections;
  const folder = isFolder(place.host);
  if (folder && place.port === 0)
    throw new RametError('BootFailed', `a Unix socket in ${place.host} needs a port that is not 0: it is its name`);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const done = () => {
      server.off('error', reject);
      resolve();
    };
    if (folder) server.listen(socketPath(place), done);
    // A worker of a cluster has its own port: who calls one of them means that one.
    else server.listen({ port: place.port, host: place.host, exclusive: true }, done);
  });
  server.on('error', onError);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : place.port,
    renew: (next) => secure?.setSecureContext(contextOf(next)),
    close: () => void server.close(),
  };
}

const contextOf = ({ key, cert, ca }: MuxTls): SecureContextOptions => ({ key, cert, ca });
