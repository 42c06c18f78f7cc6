import type { Platform } from '../platform/index.ts';
import type { Dispatcher } from './call.ts';
import { Deadlines } from './policies/deadlines.ts';
import type { Identities } from './transport.ts';

/** Limits what the peers of a process may begin. */
export interface ServingLimits {
  /** Calls and streams of one connection under way. */
  readonly callsPerConnection: number;
  readonly streamsPerConnection: number;
}

/** What a transport gives to its serving side. */
export interface ServingSettings {
  readonly platform: Platform;
  /** The name of this process, for messages that people read. */
  readonly process: string;
  readonly dispatchers: ReadonlyMap<string, Dispatcher>;
  readonly identities: Identities;
  readonly limits: ServingLimits;
  readonly onError: (error: unknown, where: object) => void;
}

/** A connection over which calls arrive. Its transport adds it to {@link Serving} and reports its end there. */
export interface ServedConnection {
  /** Calls and streams under way. */
  readonly inFlight: number;
  /**
   * Asks the other side to call elsewhere.
   * @returns whether the other side will confirm it, which {@link Serving.heard} reports
   */
  drain(): boolean;
  /** Ends in good order within `endMs`, and reports the end to {@link Serving.lost}. */
  close(endMs: number): void;
}

/** How long a drain waits until the peers confirm. A peer that does not is disconnected later. */
const HEARD_MS = 1_000;
/** How long a peer has to read what was written before the end. */
const END_MS = 1_000;

/**
 * The serving side of a transport: its connections, and how they drain and close. The calls of each connection are its
 * {@link ServedCalls}. A transport adds only sockets and a format.
 */
export class Serving<Connection extends ServedConnection = ServedConnection> {
  readonly settings: ServingSettings;
  /** The deadlines of all calls under one timer. */
  readonly deadlines: Deadlines;
  readonly #connections = new Set<Connection>();
  readonly #unheard = new Set<Connection>();
  #allHeard: (() => void) | undefined;
  #allLost: (() => void) | undefined;
  draining = false;

  constructor(settings: ServingSettings) {
    this.settings = settings;
    this.deadlines = new Deadlines(settings.platform);
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Calls and streams under way. */
  get inFlight(): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.inFlight;
    return count;
  }

  /** Adds a connection. Its transport asks the peer to call elsewhere if a drain is under way. */
  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  /** Notes that the peer of a connection has confirmed to call elsewhere. */
  heard(connection: Connection): void {
    if (this.#unheard.delete(connection) && this.#unheard.size === 0) this.#allHeard?.();
  }

  /** Notes that a connection has ended. */
  lost(connection: Connection): void {
    this.#connections.delete(connection);
    this.heard(connection);
    if (this.#connections.size === 0) this.#allLost?.();
  }

  /** Asks every peer to call elsewhere, and waits until each has confirmed it. Calls that still arrive are answered. */
  async drain(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    for (const connection of this.#connections) if (connection.drain()) this.#unheard.add(connection);
    if (this.#unheard.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.settings.platform.timers.set(HEARD_MS, resolve);
      this.#allHeard = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    this.draining = true;
    for (const connection of [...this.#connections]) connection.close(END_MS);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#allLost = resolve;
    });
  }
}
