import type { Socket } from 'node:net';
import { RametError } from '../../errors/index.ts';
import { JsonError } from '../../platform/index.ts';
import { fault, type Reply } from '../call.ts';
import { decodeReply } from '../messages.ts';
import { ITEM_COST, notAnswered, tooLarge } from '../payload.ts';
import type { Carrier, Pending } from '../pending.ts';
import type { FrameHead } from './decoder.ts';
import { Link, type LinkSettings } from './link.ts';
import { BODY, FINAL, FRAME, TOKEN_SLOTS } from './wire.ts';

/** The owner of a connection, notified of its state. */
export interface ConnectionOwner {
  ready(): void;
  /** The other side asks to be called no longer, if there is another instance. */
  draining(): void;
  lost(error: Error): void;
}

/** The side of a connection that calls. */
export class ClientConnection extends Link implements Carrier {
  readonly #owner: ConnectionOwner;
  readonly #where: string;
  readonly #pending = new Map<number, Pending>();
  readonly #slots = new Map<string, number>();
  readonly #tokens: (string | undefined)[] = [];
  #nextSlot = 0;
  #lastId = 0;

  constructor(settings: LinkSettings, socket: Socket, where: string, owner: ConnectionOwner) {
    super(settings, socket);
    this.#where = where;
    this.#owner = owner;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  /** Writes a call, or refuses it beyond the limits. */
  send(pending: Pending): void {
    const { limits } = this.settings;
    const payloadBytes = Math.min(limits.payloadBytes, this.peer?.payloadBytes ?? limits.payloadBytes);
    const { text, target } = pending;
    if (text.length > payloadBytes / 3 && Buffer.byteLength(text) > payloadBytes) {
      pending.fail(tooLarge(`the input of ${target.service}.${target.operation}, with what travels beside it,`, payloadBytes, 'no'));
      return;
    }
    if (this.out.unsentBytes > limits.unsentBytes || this.#pending.size >= limits.callsPerConnection) {
      pending.fail(fault(new RametError('Unavailable', `${this.#where} accepts no more calls: too much is under way`, { executed: 'no' })));
      return;
    }
    pending.connection = this;
    pending.id = this.#newId();
    this.#pending.set(pending.id, pending);
    const slot = this.#slotOf(pending.token);
    this.out.request(pending.kind === 'call' ? FRAME.call : FRAME.stream, pending.id, slot, text);
    pending.turn = this.out.turn;
    pending.text = '';
  }

  credit({ id }: Pending, bytes: number): void {
    this.out.credit(id, bytes);
  }

  hasLeft(pending: Pending): boolean {
    return pending.turn < this.out.turn;
  }

  forget(pending: Pending): void {
    if (this.#pending.delete(pending.id) && !this.ended) this.out.frame(FRAME.cancel, 0, pending.id);
  }

  protected ready(): void {
    this.#owner.ready();
  }

  protected received({ type, flags, id }: FrameHead, bytes: Buffer, start: number, end: number): void {
    if (type === FRAME.reply || type === FRAME.end) this.#answered(flags, id, bytes, start, end);
    else if (type === FRAME.item) this.#item(id, bytes, start, end);
    else if (type === FRAME.goaway) this.#leaving(flags, id);
    else this.unknown(type);
  }

  oversized(type: number, id: number, bytes: number): void {
    const pending = this.#pending.get(id);
    if (!pending || (type !== FRAME.reply && type !== FRAME.item && type !== FRAME.end)) return;
    this.forget(pending);
    const { service, operation } = pending.target;
    pending.fail(tooLarge(`the answer of ${service}.${operation} has ${bytes} bytes and`, this.settings.limits.payloadBytes, 'unknown'));
  }

  protected drained(): void {
    // Calls never wait here: they are refused while too much is unsent.
  }

  protected lost(error: Error): void {
    const pendings = [...this.#pending.values()];
    this.#pending.clear();
    this.#owner.lost(error);
    for (const pending of pendings) {
      const { executed } = pending;
      const what = executed === 'no' ? 'before the call left' : 'while the call was under way';
      pending.fail(
        fault(new RametError('Unavailable', `the connection to ${this.#where} was lost ${what}: ${error.message}`, { executed })),
      );
    }
  }

  #answered(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const pending = this.#pending.get(id);
    // The call is no longer awaited.
    if (!pending) return;
    // A reply that cannot be read ends the connection, and this call with it.
    pending.answered(flags === BODY.nothing ? undefined : this.#replyOf(pending, flags, bytes, start, end));
    this.#pending.delete(id);
  }

  #item(id: number, bytes: Buffer, start: number, end: number): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    const reply = this.#replyOf(pending, BODY.value, bytes, start, end);
    if (reply.ok) pending.item(reply, end - start + ITEM_COST);
    else {
      this.forget(pending);
      pending.answered(reply);
    }
  }

  #replyOf({ target }: Pending, outcome: number, bytes: Buffer, start: number, end: number): Reply {
    try {
      return decodeReply(outcome, bytes.toString('utf8', start, end));
    } catch (error) {
      if (error instanceof JsonError) return notAnswered(`${target.service}.${target.operation}`, error);
      throw error;
    }
  }

  #leaving(flags: number, last: number): void {
    this.#owner.draining();
    if ((flags & FINAL) === 0) {
      this.out.frame(FRAME.heard, 0, 0);
      return;
    }
    for (const pending of [...this.#pending.values()]) {
      if (!isAfter(pending.id, last)) continue;
      this.#pending.delete(pending.id);
      pending.fail(fault(new RametError('ShuttingDown', `${this.#where} has shut down before it began`, { executed: 'no' })));
    }
  }

  #newId(): number {
    do {
      this.#lastId = (this.#lastId + 1) >>> 0;
    } while (this.#lastId === 0 || this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  /** Finds the number of a token. A new token is announced to the other side and replaces the oldest one. */
  #slotOf(token: string): number {
    const known = this.#slots.get(token);
    if (known !== undefined) return known;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % TOKEN_SLOTS;
    const before = this.#tokens[slot];
    if (before !== undefined) this.#slots.delete(before);
    this.#tokens[slot] = token;
    this.#slots.set(token, slot);
    this.out.frame(FRAME.token, 0, slot, token);
    return slot;
  }
}

/** Compares two numbers that wrap around: whether `id` was given after `last`. */
const isAfter = (id: number, last: number): boolean => id !== last && (id - last) >>> 0 < 2 ** 31;
