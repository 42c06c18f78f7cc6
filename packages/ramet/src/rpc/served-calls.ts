import { RametError } from '../errors/index.ts';
import { type CallMeta, type Fault, fault, type Reply } from './call.ts';
import type { IncomingCall } from './messages.ts';
import { type CallSink, ServedCall } from './served-call.ts';
import { ServedStream, type StreamSink } from './served-stream.ts';
import type { Serving } from './serving.ts';

/** Writes answers to a connection, in the format of its transport. */
export interface Answers {
  /** Whether what was written waits for the other side to read. */
  readonly full: boolean;
  /** Writes the one answer of a call. */
  writeReply(call: ServedCall, reply: Reply): void;
  /** Writes the next answer of a stream. @returns the bytes of its text; undefined when a fault was written instead, as the end of the stream */
  writeItem(stream: ServedStream, reply: Reply): number | undefined;
  /** Writes the end of a stream. @param last the failure that it ended with */
  writeEnd(stream: ServedStream, last: Reply | undefined): void;
}

/**
 * A caller gives up at its deadline and cancels the call. A call whose caller can no longer do so ends after this grace: an
 * answer from here, before that of the caller itself, would say less than the caller knows.
 */
const GRACE_MS = 250;

/**
 * The calls and streams of one connection. Every transport serves through it, so all transports verify the caller, apply the
 * limits and the deadline, dispatch and cancel in the same way.
 */
export class ServedCalls implements CallSink, StreamSink {
  readonly #serving: Serving;
  readonly #answers: Answers;
  readonly #running = new Map<number, ServedCall>();
  #streams = 0;

  constructor(serving: Serving, answers: Answers) {
    this.#serving = serving;
    this.#answers = answers;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  get full(): boolean {
    return this.#answers.full;
  }

  has(id: number): boolean {
    return this.#running.has(id);
  }

  /** Begins a call that has arrived. @returns a fault when the call is refused: nothing was done, and the transport writes the fault */
  begin(id: number, token: string, incoming: IncomingCall): Fault | undefined {
    const { dispatchers } = this.#serving.settings;
    const dispatcher = dispatchers.get(incoming.service);
    if (!dispatcher) return this.#notHosted(incoming);
    const meta = this.#admit(token, incoming);
    if ('ok' in meta) return meta;
    const nowMono = this.#serving.settings.platform.clock.monoNow();
    const call = new ServedCall(this, id, nameOf(incoming), nowMono + meta.timeoutMs + GRACE_MS);
    this.#serving.deadlines.add(call, nowMono);
    this.#running.set(id, call);
    call.begin(dispatcher, incoming.operation, incoming.input, meta);
    return undefined;
  }

  /**
   * Begins a stream.
   * @param windowBytes what its reader takes before it grants more; Infinity where the transport alone holds it back
   * @returns a fault when the stream is refused
   */
  beginStream(id: number, token: string, incoming: IncomingCall, windowBytes: number): Fault | undefined {
    const { dispatchers, limits } = this.#serving.settings;
    const dispatcher = dispatchers.get(incoming.service);
    if (!dispatcher) return this.#notHosted(incoming);
    if (this.#streams >= limits.streamsPerConnection) return refusal('Overloaded', `${this.#streams} streams of one process are under way`);
    const meta = this.#admit(token, incoming);
    if ('ok' in meta) return meta;
    this.#streams++;
    const stream = new ServedStream(this, id, nameOf(incoming), windowBytes);
    this.#running.set(id, stream);
    stream.begin(dispatcher, incoming.operation, incoming.input, meta);
    return undefined;
  }

  /** Cancels a call whose caller is gone. */
  cancel(id: number): void {
    this.#running.get(id)?.stop(new RametError('Cancelled'));
  }

  /** Grants a stream so many bytes more. */
  credit(id: number, bytes: number): void {
    const call = this.#running.get(id);
    if (call instanceof ServedStream) call.credit(bytes);
  }

  /** Lets streams continue after the other side has read. */
  wake(): void {
    for (const call of this.#running.values()) if (call instanceof ServedStream) call.wake();
  }

  stopAll(error: RametError): void {
    for (const call of [...this.#running.values()]) call.stop(error);
  }

  answered(call: ServedCall, reply: Reply): void {
    if (!this.#over(call) || call.cancelled) return;
    this.#answers.writeReply(call, reply);
  }

  expired(call: ServedCall, reply: Reply): void {
    if (!call.cancelled) this.#answers.writeReply(call, reply);
  }

  item(stream: ServedStream, reply: Reply): number {
    const bytes = this.#answers.writeItem(stream, reply);
    if (bytes !== undefined) return bytes;
    stream.stop(new RametError('Cancelled'));
    return 0;
  }

  ended(stream: ServedStream, last: Reply | undefined): void {
    if (!this.#over(stream)) return;
    this.#streams--;
    if (!stream.cancelled) this.#answers.writeEnd(stream, last);
  }

  /** Applies the limit and verifies the caller. @returns the metadata for the handler, or the fault that refuses the call */
  #admit(token: string, { service, meta }: IncomingCall): CallMeta | Fault {
    const { identities, limits } = this.#serving.settings;
    if (this.#running.size >= limits.callsPerConnection)
      return refusal('Overloaded', `${this.#running.size} calls of one process are under way`);
    try {
      return { ...meta, caller: identities.verify(token, service).caller };
    } catch (error) {
      return fault(error instanceof RametError ? error : new RametError('Internal', 'the caller cannot be verified', { executed: 'no' }));
    }
  }

  #notHosted({ service }: IncomingCall): Fault {
    return refusal('Unavailable', `process '${this.#serving.settings.process}' does not host '${service}'`);
  }

  #over(call: ServedCall): boolean {
    this.#serving.deadlines.remove(call);
    return this.#running.delete(call.id);
  }
}

const nameOf = ({ service, operation }: IncomingCall): string => `${service}.${operation}`;

const refusal = (code: 'Unavailable' | 'Overloaded', detail: string): Fault => fault(new RametError(code, detail, { executed: 'no' }));
