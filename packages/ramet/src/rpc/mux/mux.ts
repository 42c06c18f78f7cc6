import { RametError } from '../../errors/index.ts';
import { JsonError, Settings } from '../../platform/index.ts';
import { type CallMeta, type Cancellation, type Fault, fault, type Reply, type Target } from '../call.ts';
import { encodeRequest } from '../messages.ts';
import { notSent } from '../payload.ts';
import type {
  Identities,
  RemoteTransport,
  Transport,
  TransportCapabilities,
  TransportEnvironment,
  TransportFactory,
} from '../transport.ts';
import { ClientCall } from './client-call.ts';
import { ClientStream } from './client-stream.ts';
import { Peer } from './peer.ts';
import { Routes } from './routes.ts';
import { listenMux } from './server.ts';
import type { MuxTls } from './sockets.ts';
import { Upkeep } from './upkeep.ts';
import { LIMITS, type MuxLimits } from './wire.ts';

export interface MuxOptions {
  /**
   * Encrypts connections, and lets nobody in whose certificate the authority has not signed. A function is asked again for
   * each connection, so that certificates may be replaced under way. Without it connections are open to whoever can listen.
   */
  readonly tls?: MuxTls | (() => MuxTls);
  readonly limits?: Partial<MuxLimits>;
  /** Silence after which the other side is asked whether it is there (default 2,500 ms). */
  readonly pingAfterMs?: number;
  /** Taken for dead is who does not answer that for so long (default 7,500 ms). */
  readonly deadAfterMs?: number;
  /** How long a connection may take to be ready (default 3,000 ms). */
  readonly connectMs?: number;
}

const WAIT_MAX_MS = 3_600_000;
/** A frame says its length in 32 bits. */
const LIMIT_MAX = 2 ** 31 - 1;

export const CAPABILITIES: TransportCapabilities = { name: 'mux', remote: true, streams: true };

/**
 * The transport between processes of Ramet: frames of JSON on one connection to each process, over TCP, a Unix socket (a host
 * that begins with a slash is the folder of sockets) or TLS. The format: docs/mux.md.
 * @throws RangeError when an option is out of its range
 */
export function mux(options: MuxOptions = {}): TransportFactory {
  const settings = new Settings('mux: ');
  for (const name of ['pingAfterMs', 'deadAfterMs', 'connectMs'] as const) settings.count(name, options[name], 1, 1, WAIT_MAX_MS);
  for (const [name, limit] of Object.entries(options.limits ?? {})) settings.count(`limits.${name}`, limit, 1, 1, LIMIT_MAX);
  settings.check();
  return { capabilities: CAPABILITIES, create: (environment) => createMux(environment, options) };
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
  return {
    capabilities: CAPABILITIES,
    from: (from) => new MuxTransport(from, routes, identities, link.limits.windowBytes, upkeep),
    willing: (service) => routes.willing(service),
    listen: (dispatchers, at) => listenMux(at, { ...link, dispatchers, identities, tls, onError }),
    async close() {
      upkeep.stop();
      routes.close();
    },
  };
}

/** Calls of one service or gateway. */
class MuxTransport implements Transport {
  readonly capabilities = CAPABILITIES;
  readonly #from: string;
  readonly #routes: Routes;
  readonly #identities: Identities;
  readonly #windowBytes: number;
  readonly #upkeep: Upkeep;

  constructor(from: string, routes: Routes, identities: Identities, windowBytes: number, upkeep: Upkeep) {
    this.#from = from;
    this.#routes = routes;
    this.#identities = identities;
    this.#windowBytes = windowBytes;
    this.#upkeep = upkeep;
  }

  instances(service: string): readonly string[] {
    return this.#routes.keys(service);
  }

  call(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply> {
    return new Promise((resolve) => {
      const peer = this.#routes.peerFor(target);
      if (!(peer instanceof Peer)) {
        resolve(peer);
        return;
      }
      let call: ClientCall;
      try {
        const text = encodeRequest(target, input, meta);
        call = new ClientCall(target, this.#identities.sign(meta.caller, this.#from, target.service), text, signal, resolve);
      } catch (error) {
        resolve(unsendable(target, error));
        return;
      }
      this.#upkeep.start();
      if (call.begin()) peer.send(call);
    });
  }

  stream(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): AsyncIterable<Reply> {
    let text = '';
    let token = '';
    let refused: Fault | undefined;
    try {
      text = encodeRequest(target, input, meta);
      token = this.#identities.sign(meta.caller, this.#from, target.service);
    } catch (error) {
      refused = unsendable(target, error);
    }
    return new ClientStream(target, token, text, signal, this.#windowBytes, (stream) => {
      const peer = refused ?? this.#routes.peerFor(target);
      if (!(peer instanceof Peer)) {
        stream.fail(peer);
        return;
      }
      this.#upkeep.start();
      peer.send(stream);
    });
  }
}

/** A call that does not leave: its input cannot travel, or nobody may sign for its caller. */
function unsendable(target: Target, error: unknown): Fault {
  if (error instanceof JsonError) return notSent(target, error);
  if (error instanceof RametError) return fault(error);
  const what = `${target.service}.${target.operation}`;
  return fault(new RametError('Internal', `the call of ${what} cannot be sent`, { cause: error, executed: 'no' }));
}
