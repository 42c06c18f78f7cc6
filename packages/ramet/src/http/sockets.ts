import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Platform } from '../platform/index.ts';

/** How long a connection is read after this side has ended it, so that the last answer arrives before the end. */
const LINGER_MS = 2_000;
/** How many bytes are read and dropped meanwhile. */
const LINGER_BYTES = 4 * 1024 * 1024;

/**
 * Guards every socket of a server for its whole life. Node hands a socket over without an error listener when a client requests a
 * tunnel, and an error without a listener ends the process: here each socket has a listener from the start. Where Node would destroy
 * a connection at once, it is ended in order, so that the client can still read its answer.
 * @param server a plain server or one with TLS
 */
export function guardSockets(server: Server, platform: Platform): void {
  const guard = (socket: Socket) => {
    // Code that needs the end of a socket listens to `close`.
    socket.on('error', ignore);
    socket.destroySoon = () => endConnection(socket, platform);
  };
  server.on('connection', guard);
  server.on('secureConnection', guard);
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
}

/**
 * Ends a connection in order (RFC 9112, 9.6): sends the remaining bytes, closes the sending side, and for a moment drops what still
 * arrives. If a socket is closed with unread bytes, the system resets it, and the client may lose the answer.
 */
export function endConnection(socket: Guarded, platform: Platform): void {
  if (socket[ENDING] || socket.destroyed) return;
  socket[ENDING] = true;
  discardInput(socket);
  socket.end();
  const timer = platform.timers.set(LINGER_MS, () => socket.destroy());
  socket.once('close', () => timer.cancel());
}

/** Detaches a socket from its HTTP parser: further bytes are dropped. */
export function discardInput(socket: Guarded): void {
  if (socket[DISCARDING] || socket.destroyed) return;
  socket[DISCARDING] = true;
  socket.removeAllListeners('data');
  let left = LINGER_BYTES;
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    // The socket is not destroyed, because an answer may be under way.
    if (left < 0) socket.pause();
  });
  socket.resume();
}

const ENDING = Symbol('ending');
const DISCARDING = Symbol('discarding');
type Guarded = Socket & { [ENDING]?: true; [DISCARDING]?: true };

const ignore = (): void => {};
