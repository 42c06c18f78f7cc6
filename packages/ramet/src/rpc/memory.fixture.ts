import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { AnswerText } from './answer-text.ts';
import { type Dispatcher, type Fault, fault, PAYLOAD_BYTES, type Reply, type Target } from './call.ts';
import { CallingTransport } from './calling.ts';
import { decodeReply, decodeRequest, encodeReply, OUTCOME } from './messages.ts';
import { ITEM_COST, tooLarge } from './payload.ts';
import type { Carrier, Pending } from './pending.ts';
import type { ServedCall } from './served-call.ts';
import { type Answers, ServedCalls } from './served-calls.ts';
import type { ServedStream } from './served-stream.ts';
import { type ServedConnection, Serving, type ServingLimits } from './serving.ts';
import type { Address, RemoteTransport, RpcServer, TransportCapabilities, TransportEnvironment, TransportFactory } from './transport.ts';

export const MEMORY: TransportCapabilities = { name: 'memory', remote: true, streams: true };
const LIMITS: ServingLimits = { callsPerConnection: 10_000, streamsPerConnection: 1_000 };
const WINDOW_BYTES = 256 * 1024;

/** A network between processes that are all in this one. */
export class MemoryNetwork {
  readonly #servers = new Map<number, MemoryServer>();
  readonly #wires = new Set<Wire>();
  #lastPort = 50_000;

  /** The transport over this network: the second one of the conformance suite, with nothing of its own but the delivery. */
  transport(): TransportFactory {
    return { capabilities: MEMORY, create: (environment) => memoryTransport(this, environment) };
  }

  listen(server: MemoryServer, port: number): number {
    const own = port === 0 ? ++this.#lastPort : port;
    if (this.#servers.has(own)) throw Object.assign(new Error(`port ${own} is in use`), { code: 'EADDRINUSE', port: own });
    this.#servers.set(own, server);
    return own;
  }

  unlisten(port: number): void {
    this.#servers.delete(port);
  }

  /** @returns undefined when no server is there */
  dial(port: number, platform: Platform, client: MemoryPeer): Wire | undefined {
    const server = this.#servers.get(port);
    if (!server) return undefined;
    const wire = new Wire(platform, client, () => this.#wires.delete(wire));
    wire.server = server.accept(wire);
    this.#wires.add(wire);
    return wire;
  }

  get connections(): number {
    return this.#wires.size;
  }

  /** Ends all connections at once. */
  cut(): void {
    for (const wire of [...this.#wires]) wire.end();
  }
}

/** A connection: what either side sends arrives later, in its order, until it ends. */
class Wire {
  readonly client: MemoryPeer;
  server: ServedMemory | undefined;
  readonly #platform: Platform;
  readonly #ended: () => void;
  #queue: (() => void)[] = [];
  #over = false;

  constructor(platform: Platform, client: MemoryPeer, ended: () => void) {
    this.#platform = platform;
    this.client = client;
    this.#ended = ended;
  }

  send(arrives: () => void): void {
    if (this.#over) return;
    if (this.#queue.push(arrives) > 1) return;
    this.#platform.timers.yield().then(
      () => {
        const arriving = this.#queue;
        this.#queue = [];
        for (const arrive of arriving) if (!this.#over) arrive();
      },
      () => {},
    );
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended();
    this.server?.lost();
    this.client.lost();
  }
}

class MemoryServer implements RpcServer {
  readonly port: number;
  readonly #network: MemoryNetwork;
  readonly #serving: Serving<ServedMemory>;

  constructor(network: MemoryNetwork, serving: Serving<ServedMemory>, port: number) {
    this.#network = network;
    this.#serving = serving;
    this.port = network.listen(this, port);
  }

  accept(wire: Wire): ServedMemory {
    const connection = new ServedMemory(this.#serving, wire);
    this.#serving.add(connection);
    if (this.#serving.draining) connection.drain();
    return connection;
  }

  get inFlight(): number {
    return this.#serving.inFlight;
  }

  drain(): Promise<void> {
    return this.#serving.drain();
  }

  close(): Promise<void> {
    this.#network.unlisten(this.port);
    return this.#serving.close();
  }
}

/** The side of a connection that answers. */
class ServedMemory implements ServedConnection, Answers {
  readonly full = false;
  readonly #serving: Serving<ServedMemory>;
  readonly #wire: Wire;
  readonly #texts: AnswerText;
  readonly calls: ServedCalls;
  #lastBegun = 0;
  #closing = false;

  constructor(serving: Serving<ServedMemory>, wire: Wire) {
    this.#serving = serving;
    this.#wire = wire;
    this.#texts = new AnswerText(serving.settings.onError);
    this.calls = new ServedCalls(serving, this);
  }

  get inFlight(): number {
    return this.calls.inFlight;
  }

  request(kind: Pending['kind'], id: number, token: string, text: string): void {
    if (this.#closing) return;
    this.#lastBegun = id;
    const incoming = decodeRequest(text);
    const refused = kind === 'call' ? this.calls.begin(id, token, incoming) : this.calls.beginStream(id, token, incoming, WINDOW_BYTES);
    if (refused) this.#wire.send(() => this.#wire.client.answered(id, OUTCOME.fault, encodeReply(refused)));
  }

  writeReply({ id, what }: ServedCall, reply: Reply): void {
    const text = this.#texts.of(reply, what, PAYLOAD_BYTES);
    const { outcome } = this.#texts;
    this.#wire.send(() => this.#wire.client.answered(id, outcome, text));
  }

  writeItem({ id, what }: ServedStream, reply: Reply): number | undefined {
    const text = this.#texts.of(reply, what, PAYLOAD_BYTES);
    const { outcome } = this.#texts;
    if (outcome === OUTCOME.value) {
      this.#wire.send(() => this.#wire.client.item(id, text));
      return Buffer.byteLength(text);
    }
    this.#wire.send(() => this.#wire.client.answered(id, outcome, text));
    return undefined;
  }

  writeEnd(stream: ServedStream, last: Reply | undefined): void {
    if (last) this.writeReply(stream, last);
    else this.#wire.send(() => this.#wire.client.answered(stream.id, undefined, ''));
  }

  drain(): boolean {
    this.#wire.send(() => {
      this.#wire.client.leaves();
      this.#wire.send(() => this.#serving.heard(this));
    });
    return true;
  }

  close(): void {
    this.#closing = true;
    this.calls.stopAll(new RametError('ShuttingDown', undefined, { executed: 'unknown' }));
    const last = this.#lastBegun;
    this.#wire.send(() => {
      this.#wire.client.closes(last);
      this.#wire.end();
    });
  }

  lost(): void {
    this.calls.stopAll(new RametError('Cancelled', 'the connection of the caller was lost'));
    this.#serving.lost(this);
  }
}

/** Another process, at one port, and the connection to it: the side that calls. */
class MemoryPeer implements Carrier {
  readonly #network: MemoryNetwork;
  readonly #platform: Platform;
  readonly #port: number;
  readonly #pending = new Map<number, Pending>();
  #wire: Wire | undefined;
  #lastId = 0;
  #leaving = false;

  constructor(network: MemoryNetwork, platform: Platform, port: number) {
    this.#network = network;
    this.#platform = platform;
    this.#port = port;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  send(pending: Pending): void {
    const { text, token, kind, target } = pending;
    if (Buffer.byteLength(text) > PAYLOAD_BYTES) {
      pending.fail(tooLarge(`the input of ${target.service}.${target.operation}`, PAYLOAD_BYTES, 'no'));
      return;
    }
    const wire = this.#connected();
    if (!wire) {
      pending.fail(unavailable(`no process listens on port ${this.#port}`, 'no'));
      return;
    }
    pending.connection = this;
    pending.id = ++this.#lastId;
    this.#pending.set(pending.id, pending);
    wire.send(() => wire.server?.request(kind, pending.id, token, text));
  }

  credit({ id }: Pending, bytes: number): void {
    const wire = this.#wire;
    wire?.send(() => wire.server?.calls.credit(id, bytes));
  }

  hasLeft(): boolean {
    return true;
  }

  forget({ id }: Pending): void {
    const wire = this.#wire;
    if (this.#pending.delete(id)) wire?.send(() => wire.server?.calls.cancel(id));
  }

  answered(id: number, outcome: number | undefined, text: string): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.answered(outcome === undefined ? undefined : decodeReply(outcome, text));
  }

  item(id: number, text: string): void {
    this.#pending.get(id)?.item(decodeReply(OUTCOME.value, text), Buffer.byteLength(text) + ITEM_COST);
  }

  leaves(): void {
    this.#leaving = true;
  }

  closes(last: number): void {
    this.#leaving = true;
    for (const [id, pending] of [...this.#pending]) {
      if (id <= last) continue;
      this.#pending.delete(id);
      pending.fail(fault(new RametError('ShuttingDown', 'it has shut down before the call began', { executed: 'no' })));
    }
  }

  lost(): void {
    this.#wire = undefined;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of lost) pending.fail(unavailable('the connection was lost', 'unknown'));
  }

  close(): void {
    this.#wire?.end();
  }

  #connected(): Wire | undefined {
    if (!this.#wire) {
      this.#wire = this.#network.dial(this.#port, this.#platform, this);
      if (this.#wire) this.#leaving = false;
    }
    return this.#wire;
  }
}

const unavailable = (detail: string, executed: Fault['executed']): Fault => fault(new RametError('Unavailable', detail, { executed }));

function memoryTransport(network: MemoryNetwork, environment: TransportEnvironment): RemoteTransport {
  const { platform, addresses, identities, onError, process = '' } = environment;
  const peers = new Map<number, MemoryPeer>();
  const peerAt = ({ port }: Address): MemoryPeer => {
    const peer = peers.get(port) ?? new MemoryPeer(network, platform, port);
    peers.set(port, peer);
    return peer;
  };
  const lists = new Map<string, readonly string[]>();
  /** The same array until something changes. */
  const stable = (key: string, list: readonly string[]): readonly string[] => {
    const known = lists.get(key);
    if (known?.join() === list.join()) return known;
    lists.set(key, list);
    return list;
  };
  const willing = (service: string) =>
    stable(
      `willing ${service}`,
      addresses(service)
        .filter((address) => !peerAt(address).leaving)
        .map(({ id }) => id),
    );
  const keys = (service: string) => {
    const staying = willing(service);
    return staying.length > 0
      ? staying
      : stable(
          `all ${service}`,
          addresses(service).map(({ id }) => id),
        );
  };
  let turn = 0;
  const route = ({ service, instance }: Target) => {
    const all = keys(service);
    const key = instance ?? all[turn++ % all.length];
    const address = addresses(service).find(({ id }) => id === key);
    return address ? peerAt(address) : unavailable(`no instance of '${service}' is known`, 'no');
  };
  return {
    capabilities: MEMORY,
    from: (from) => new CallingTransport(MEMORY, from, { route, keys, windowBytes: WINDOW_BYTES }, identities),
    willing,
    async listen(dispatchers: ReadonlyMap<string, Dispatcher>, { port }) {
      return new MemoryServer(network, new Serving({ platform, process, dispatchers, identities, limits: LIMITS, onError }), port);
    },
    async close() {
      for (const peer of peers.values()) peer.close();
    },
  };
}
