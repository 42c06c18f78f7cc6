import { RametError } from '../../errors/index.ts';
import { type Fault, fault, type Target } from '../call.ts';
import type { Address } from '../transport.ts';
import { MuxPeer, type PeerSettings } from './peer.ts';
import { placeName } from './sockets.ts';

/** The instances of one service. */
interface Route {
  readonly addresses: readonly Address[];
  readonly peers: ReadonlyMap<string, MuxPeer>;
  /** The ids of the instances that are willing, and of the instances to call, as of a version. */
  willing: readonly string[];
  keys: readonly string[];
  version: number;
}

/** Chooses the process for each call. Services in one process share the connection to it. */
export class Routes {
  readonly #addresses: (service: string) => readonly Address[];
  readonly #settings: PeerSettings;
  readonly #routes = new Map<string, Route>();
  readonly #peers = new Map<string, MuxPeer>();
  /** Increases whenever a peer stops or starts to be willing. */
  #version = 0;
  #turn = 0;

  constructor(addresses: (service: string) => readonly Address[], settings: Omit<PeerSettings, 'changed'>) {
    this.#addresses = addresses;
    this.#settings = { ...settings, changed: () => this.#version++ };
  }

  /** The ids of the instances of a service that want to be called; of all, when none does. */
  keys(service: string): readonly string[] {
    return this.#currentOf(service).keys;
  }

  /** The ids of the instances of a service that want to be called. */
  willing(service: string): readonly string[] {
    return this.#currentOf(service).willing;
  }

  /** Chooses the peer to call: the instance that the caller chose, or otherwise the less busy one of two. */
  peerFor({ service, instance }: Target): MuxPeer | Fault {
    const { peers } = this.#routeOf(service);
    if (instance !== undefined) return peers.get(instance) ?? unknown(`instance '${instance}' of '${service}' is no longer known`);
    const nowMono = this.#settings.platform.clock.monoNow();
    const keys = this.keys(service);
    if (keys.length === 0)
      return unknown(`no process is known that hosts '${service}': start one, or find out why the registry does not list it`);
    const turn = this.#turn++ % keys.length;
    let chosen = peers.get(keys[turn] as string) as MuxPeer;
    const second = 1 + Math.floor(this.#settings.platform.random.next() * (keys.length - 1));
    const other = peers.get(keys[(turn + second) % keys.length] as string) as MuxPeer;
    if (other.inFlight < chosen.inFlight) chosen = other;
    if (!chosen.paused(nowMono)) return chosen;
    for (const key of keys) {
      const peer = peers.get(key) as MuxPeer;
      if (!peer.paused(nowMono)) return peer;
    }
    return chosen;
  }

  get busy(): boolean {
    for (const peer of this.#peers.values()) if (peer.connected || peer.leaving) return true;
    return false;
  }

  /** Looks after the connections: peers that are silent, gone or back. */
  look(nowMono: number, late: boolean): void {
    for (const service of this.#routes.keys()) this.#routeOf(service);
    const wanted = new Set<MuxPeer>();
    for (const { peers } of this.#routes.values()) for (const peer of peers.values()) wanted.add(peer);
    for (const [place, peer] of this.#peers) {
      peer.look(nowMono, late, wanted.has(peer));
      if (!wanted.has(peer) && !peer.connected) this.#peers.delete(place);
    }
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
  }

  #currentOf(service: string): Route {
    const route = this.#routeOf(service);
    if (route.version === this.#version) return route;
    route.willing = [...route.peers].filter(([, peer]) => !peer.leaving).map(([id]) => id);
    route.keys = route.willing.length > 0 ? route.willing : [...route.peers.keys()];
    route.version = this.#version;
    return route;
  }

  #routeOf(service: string): Route {
    const addresses = this.#addresses(service);
    const known = this.#routes.get(service);
    if (known?.addresses === addresses) return known;
    const peers = new Map(addresses.map((address) => [address.id, this.#peerAt(address, known)]));
    const route: Route = { addresses, peers, willing: [], keys: [], version: -1 };
    this.#routes.set(service, route);
    return route;
  }

  #peerAt(address: Address, before: Route | undefined): MuxPeer {
    const place = placeName(address);
    let peer = this.#peers.get(place);
    if (!peer) {
      peer = new MuxPeer({ host: address.host, port: address.port }, this.#settings);
      this.#peers.set(place, peer);
    } else if (before && !before.peers.has(address.id)) peer.renewed();
    return peer;
  }
}

const unknown = (detail: string): Fault => fault(new RametError('Unavailable', detail, { executed: 'no' }));
