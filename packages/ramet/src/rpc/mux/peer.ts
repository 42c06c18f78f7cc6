import { RametError } from '../../errors/index.ts';
import { type Backoff, type Platform, steadyBackoffMs } from '../../platform/index.ts';
import { type Fault, fault } from '../call.ts';
import type { Pending } from '../pending.ts';
import { ClientConnection, type ConnectionOwner } from './client-connection.ts';
import type { LinkSettings } from './link.ts';
import { dial, type MuxTls, placeName, type SocketPlace } from './sockets.ts';

const RECONNECT: Backoff = { baseMs: 50, capMs: 2_000 };

/** The settings of the calling side of a connection. */
export interface PeerSettings extends LinkSettings {
  readonly tls: () => MuxTls | undefined;
  readonly onError: (error: unknown, where: object) => void;
  /** Called when the peer starts or stops to be willing. */
  readonly changed: () => void;
}

/**
 * Another process, at one address, and the one connection to it. The first call opens the connection. After it was lost, the next
 * call opens it again, after a pause; calls during the pause are refused at once, so that they can use another instance.
 */
export class MuxPeer implements ConnectionOwner {
  readonly place: SocketPlace;
  readonly #settings: PeerSettings;
  readonly #platform: Platform;
  #connection: ClientConnection | undefined;
  #open = false;
  #waiting: Pending[] = [];
  #waitingLength = 0;
  #failures = 0;
  #retryAtMono = 0;
  #failure = '';
  #closed = false;
  /** Whether the process has asked to be called no longer. This holds after its end too, until it is seen to be back. */
  leaving = false;

  constructor(place: SocketPlace, settings: PeerSettings) {
    this.place = place;
    this.#settings = settings;
    this.#platform = settings.platform;
  }

  get inFlight(): number {
    return this.#waiting.length + (this.#connection?.inFlight ?? 0);
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Whether a call would be refused at once, because of the pause. */
  paused(nowMono: number): boolean {
    return !this.#connection && nowMono < this.#retryAtMono;
  }

  send(pending: Pending): void {
    if (this.#open) {
      (this.#connection as ClientConnection).send(pending);
      return;
    }
    const { limits } = this.#settings;
    const nowMono = this.#platform.clock.monoNow();
    if (this.#closed) pending.fail(this.#refusal('ShuttingDown', 'this process has closed its connections'));
    else if (this.paused(nowMono)) {
      const waitMs = Math.ceil(this.#retryAtMono - nowMono);
      pending.fail(this.#refusal('Unavailable', `${this.#name} cannot be reached and is tried again in ${waitMs} ms: ${this.#failure}`));
    } else if (this.#waiting.length >= limits.callsPerConnection || this.#waitingLength > limits.unsentBytes)
      pending.fail(this.#refusal('Unavailable', `${this.#waiting.length} calls wait for a connection to ${this.#name} already`));
    else {
      this.#waiting.push(pending);
      this.#waitingLength += pending.text.length;
      if (!this.#connection) this.#connect();
    }
  }

  /** Looks after the connection. Called periodically. @param wanted whether the address is still known */
  look(nowMono: number, late: boolean, wanted: boolean): void {
    const idle = this.inFlight === 0;
    this.#connection?.look(nowMono, late);
    if (!wanted && idle) this.close();
    // A process that asked to be called no longer, and ended, may be back at its address.
    else if (wanted && this.leaving && !this.#connection && nowMono >= this.#retryAtMono) this.#connect();
  }

  /** Notes that a new instance answers at this address. */
  renewed(): void {
    if (this.#connection) return;
    this.#retryAtMono = 0;
    this.#failures = 0;
    this.#setLeaving(false);
  }

  ready(): void {
    this.#open = true;
    this.#failures = 0;
    this.#failure = '';
    this.#setLeaving(false);
    for (const pending of this.#takeWaiting()) if (!pending.over) (this.#connection as ClientConnection).send(pending);
  }

  draining(): void {
    this.#setLeaving(true);
  }

  lost(error: Error): void {
    const wasOpen = this.#open;
    this.#connection = undefined;
    this.#open = false;
    if (!wasOpen && !this.#closed) {
      this.#failures++;
      this.#failure = error.message;
      this.#retryAtMono = this.#platform.clock.monoNow() + steadyBackoffMs(this.#platform, RECONNECT, this.#failures);
      if (this.#failures === 1 && !this.leaving) this.#settings.onError(error, { peer: this.#name });
    }
    for (const pending of this.#takeWaiting())
      pending.fail(this.#refusal('Unavailable', `${this.#name} cannot be reached: ${error.message}`));
  }

  /** Ends the connection. Calls on it end as faults. */
  close(): void {
    this.#closed = true;
    this.#connection?.end(new Error('this process has closed it'));
  }

  get #name(): string {
    return placeName(this.place);
  }

  #refusal(code: 'Unavailable' | 'ShuttingDown', detail: string): Fault {
    return fault(new RametError(code, detail, { executed: 'no' }));
  }

  #connect(): void {
    try {
      const socket = dial(this.place, this.#settings.tls(), () => this.#connection?.greet());
      this.#connection = new ClientConnection(this.#settings, socket, this.#name, this);
    } catch (error) {
      this.lost(error as Error);
    }
  }

  #takeWaiting(): Pending[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingLength = 0;
    return waiting;
  }

  #setLeaving(leaving: boolean): void {
    if (this.leaving === leaving) return;
    this.leaving = leaving;
    this.#settings.changed();
  }
}
