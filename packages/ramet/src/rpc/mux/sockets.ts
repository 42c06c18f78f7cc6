import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import { RametError } from '../../errors/index.ts';

/** The certificate of a process and the authorities that it trusts, as PEM. */
export interface MuxTls {
  readonly key: string;
  readonly cert: string;
  /** The certificates of the trusted authorities. Both sides must show a certificate that one of them has signed. */
  readonly ca: string;
  /** The name in the certificates of the peers, where it differs from the host that is called. */
  readonly serverName?: string;
}

/** Where a process listens: a port, or a Unix socket. */
export interface SocketPlace {
  readonly host: string;
  readonly port: number;
}

/** Writes a place for messages. */
export const placeName = ({ host, port }: SocketPlace): string => `${host}:${port}`;

/** A client that has not finished its TLS handshake after this is disconnected. */
const HANDSHAKE_MS = 5_000;

/** A host that begins with a slash is a folder of Unix sockets, one for each port. */
const isFolder = (host: string): boolean => host.startsWith('/');
const socketPath = ({ host, port }: SocketPlace): string => `${host}/${port}.sock`;

/** Connects. @param opened called when bytes can be sent */
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

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Shows another certificate to new connections. */
  renew(tls: MuxTls): void;
  /** Accepts no more connections. */
  close(): void;
}

/** How a server listens. */
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
    // Each worker of a cluster has its own port: a call is meant for one of them.
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
