import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a started child process hands back: where it listens, and a way to stop it in order. */
export interface Running {
  readonly port: number;
  close(): Promise<void>;
}

const host = '127.0.0.1';

/**
 * Binds a server to a local port. A port that is still in use is tried again for `retryForMs`, because a process
 * that was just replaced may need a moment to let go of it. Port 0 takes any free port. Resolves to the bound port.
 */
export async function listen(server: Server, port: number, retryForMs = 10_000): Promise<number> {
  const giveUpAt = Date.now() + retryForMs;
  for (;;) {
    try {
      await listenOnce(server, port);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || Date.now() >= giveUpAt) throw error;
      await sleep(100);
    }
  }
}

function listenOnce(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      server.off('listening', settle);
      server.off('error', settle);
      if (error) reject(error);
      else resolve();
    };
    server.once('listening', settle);
    server.once('error', settle);
    server.listen(port, host);
  });
}

/** Stops an HTTP server: running requests may finish for `graceMs`, then their connections are cut. */
export function closeHttp(server: HttpServer, graceMs = 2_000): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

/** Reads a port number from the environment. */
export function portFromEnv(name: string, fallback: number): number {
  const port = Number(process.env[name] || fallback);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${name} is not a port: ${process.env[name]}`);
  return port;
}

/**
 * Makes this process end when its parent is gone. A parent killed with SIGKILL cannot tell its children, but the
 * operating system closes the IPC channel for it. Without an IPC channel nothing happens.
 */
export function exitWithParent(): void {
  if (!process.send) return;
  process.on('disconnect', () => process.exit(0));
  // The parent may have died while this process was still loading its modules.
  if (!process.connected) process.exit(0);
}

/** Says that this process is ready: a line on stdout for people, a message for a parent with an IPC channel. */
export function announceReady(name: string, running: Running): void {
  console.log(`${name} ready ${running.port}`);
  const { close: _close, ...ports } = running;
  // The callback swallows the error of a parent that died just now; 'disconnect' ends the process anyway.
  process.send?.({ ready: true, ...ports }, undefined, undefined, () => {});
}

/**
 * Runs a child process from start to end: dies with its parent, announces that it is ready, and closes in good
 * order on SIGTERM. Ctrl-C reaches the whole process group, so SIGINT is left to the parent where there is one.
 */
export async function runChild(name: string, start: () => Promise<Running>): Promise<void> {
  exitWithParent();
  let running: Running | undefined;
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    // Everything answered is already durable, so an end that hangs is cut short without a loss.
    setTimeout(() => process.exit(0), 5_000).unref();
    Promise.resolve(running?.close()).then(
      () => process.exit(0),
      (error) => {
        console.error(`${name} did not close cleanly:`, error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', process.send ? () => {} : stop);
  try {
    running = await start();
  } catch (error) {
    console.error(`${name} could not start:`, error);
    process.exit(1);
  }
  announceReady(name, running);
}
