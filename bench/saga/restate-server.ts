import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Restate's server from its npm package, alone on its own folder and ports. */
export interface RestateServer {
  readonly ingress: string;
  readonly admin: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

const START_MS = 40_000;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a server and waits until it is healthy. @throws with what it said */
export async function startRestate(folder: string): Promise<RestateServer> {
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const require = createRequire(import.meta.url);
  const manifest = require.resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/package.json`);
  let said = '';
  const child = spawn(join(dirname(manifest), 'bin/restate-server'), [], {
    env: {
      PATH: process.env['PATH'],
      RESTATE_BASE_DIR: folder,
      RESTATE_NODE_NAME: 'bench',
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      RUST_LOG: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const listen = (text: string) => {
    said = (said + text).slice(-4_000);
  };
  child.stdout.setEncoding('utf8').on('data', listen);
  child.stderr.setEncoding('utf8').on('data', listen);
  // A child must not outlive us.
  process.once('exit', () => child.kill('SIGKILL'));
  const until = performance.now() + START_MS;
  for (;;) {
    const healthy = await Promise.all(
      [`http://127.0.0.1:${admin}/health`, `http://127.0.0.1:${ingress}/restate/health`].map((url) =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      ),
    );
    if (healthy.every(Boolean)) break;
    if (child.exitCode !== null || performance.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`Restate's server did not come up: ${said}`);
    }
    await sleep(20);
  }
  return {
    ingress: `http://127.0.0.1:${ingress}`,
    admin: `http://127.0.0.1:${admin}`,
    child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await once(child, 'exit');
      clearTimeout(kill);
    },
  };
}
