import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Platform } from '../platform/index.ts';

/** How long a connection that this side has ended is still read, so that the last answer arrives before the end. */
const LINGER_MS = 2_000;
/** What is read and thrown away meanwhile. More than this is not worth reading. */
const LINGER_BYTES = 4 * 1024 * 1024;

/**
 * Guards every socket of a server for as long as it lives. Node hands sockets over without an error listener where a client
 * asks for a tunnel, and an error that nothing listens to ends the process: here each has one from its first moment. Where
 * Node would end a connection at once, it is ended so that the client can still read what was sent to it.
 * @param server plain or of TLS
 */
export function guardSockets(server: Server, platform: Platform): void {
  const guard = (socket: Socket) => {
    // Code that needs to know of the end listens to `close`.
    socket.on('error', ignore);
    socket.destroySoon = () => endConnection(socket, platform);
  };
  server.on('connection', guard);
  server.on('secureConnection', guard);
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
}

/**
 * Ends a connection in order (RFC 9112, 9.6): sends what is left, says that nothing more comes, and for a moment throws away
 * what still arrives. If it were closed with unread bytes, the system would reset it, and the client might lose the answer.
 */
export function endConnection(socket: Guarded, platform: Platform): void {
  if (socket[ENDING] || socket.destroyed) return;
  socket[ENDING] = true;
  discardInput(socket);
  socket.end();
  const timer = platform.timers.set(LINGER_MS, () => socket.destroy());
  socket.once('close', () => timer.cancel());
}

/** Takes a socket away from its HTTP parser: nothing that arrives from now on is a request. */
export function discardInput(socket: Guarded): void {
  if (socket[DISCARDING] || socket.destroyed) return;
  socket[DISCARDING] = true;
  socket.removeAllListeners('data');
  let left = LINGER_BYTES;
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    // Not destroyed: an answer may be under way.
    if (left < 0) socket.pause();
  });
  socket.resume();
}

const ENDING = Symbol('ending');
const DISCARDING = Symbol('discarding');
type Guarded = Socket & { [ENDING]?: true; [DISCARDING]?: true };

const ignore = (): void => {};
