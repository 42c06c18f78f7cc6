import { Settings } from '../../platform/index.ts';
import { CallingTransport, type CallRouter } from '../calling.ts';
import type { RemoteTransport, TransportCapabilities, TransportEnvironment, TransportFactory } from '../transport.ts';
import { Routes } from './routes.ts';
import { listenMux } from './server.ts';
import type { MuxTls } from './sockets.ts';
import { Upkeep } from './upkeep.ts';
import { LIMITS, type MuxLimits } from './wire.ts';

/** Options of {@link mux}. */
export interface MuxOptions {
  /**
   * Encrypts connections, and accepts only peers whose certificate the authority has signed. A function is called for each
   * connection, so that certificates can be replaced at runtime. Without this option, connections are not encrypted.
   */
  readonly tls?: MuxTls | (() => MuxTls);
  readonly limits?: Partial<MuxLimits>;
  /** The silence after which the other side is pinged (default 2,500 ms). */
  readonly pingAfterMs?: number;
  /** A peer that does not answer a ping for so long is taken for dead (default 7,500 ms). */
  readonly deadAfterMs?: number;
  /** How long a connection may take to be ready (default 3,000 ms). */
  readonly connectMs?: number;
}

const WAIT_MAX_MS = 3_600_000;
/** A frame gives its length in 32 bits. */
const LIMIT_MAX = 2 ** 31 - 1;

const capabilities: TransportCapabilities = { name: 'mux', remote: true, streams: true };

/**
 * Carries calls between processes of Ramet: frames of JSON on one connection to each process, over TCP, TLS or a Unix socket (a
 * host that begins with a slash is the folder of sockets). docs/mux.md describes the format.
 * @throws RangeError when an option is out of its range
 * @example transports: [mux({ tls: () => certificates() })]
 */
export function mux(options: MuxOptions = {}): TransportFactory {
  const settings = new Settings('mux: ');
  for (const name of ['pingAfterMs', 'deadAfterMs', 'connectMs'] as const) settings.count(name, options[name], 1, 1, WAIT_MAX_MS);
  for (const [name, limit] of Object.entries(options.limits ?? {})) settings.count(`limits.${name}`, limit, 1, 1, LIMIT_MAX);
  settings.check();
  return { capabilities, create: (environment) => createMux(environment, options) };
}

function createMux({ platform, addresses, identities, onError, process = '' }: TransportEnvironment, options: MuxOptions): RemoteTransport {
  const { tls: given, limits, pingAfterMs = 2_500, deadAfterMs = 7_500, connectMs = 3_000 } = options;
  const tls = () => (typeof given === 'function' ? given() : given);
  const link = { platform, process, limits: { ...LIMITS, ...limits }, pingAfterMs, deadAfterMs, connectMs };
  const routes = new Routes(addresses, { ...link, tls, onError });
  const upkeep = new Upkeep(platform, (nowMono, late) => {
    routes.look(nowMono, late);
    return routes.busy;
  });
  const router: CallRouter = {
    route(target) {
      upkeep.start();
      return routes.peerFor(target);
    },
    keys: (service) => routes.keys(service),
    windowBytes: link.limits.windowBytes,
  };
  return {
    capabilities,
    from: (from) => new CallingTransport(capabilities, from, router, identities),
    willing: (service) => routes.willing(service),
    listen: (dispatchers, at) => listenMux(at, { ...link, dispatchers, identities, tls, onError }),
    async close() {
      upkeep.stop();
      routes.close();
    },
  };
}
