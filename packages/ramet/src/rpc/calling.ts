import { RametError } from '../errors/index.ts';
import { JsonError } from '../platform/index.ts';
import { type CallMeta, type Cancellation, type Fault, fault, type Reply, type Target } from './call.ts';
import { encodeRequest } from './messages.ts';
import { notSent } from './payload.ts';
import type { Pending } from './pending.ts';
import { PendingCall } from './pending-call.ts';
import { PendingStream } from './pending-stream.ts';
import type { Identities, Transport, TransportCapabilities } from './transport.ts';

/** Another process, seen by a call. */
export interface Sender {
  send(pending: Pending): void;
}

/** The calling side of a transport between processes: chooses the process for a call. */
export interface CallRouter {
  /** Chooses the process for a call. @returns a fault when there is none */
  route(target: Target): Sender | Fault;
  /** The ids of the instances of a service that want to be called; of all, when none does. */
  keys(service: string): readonly string[];
  /** What the reader of a stream takes before it grants more. */
  readonly windowBytes: number;
}

/** The calls of one service or gateway: each is written as text and signed, and goes to the process that the router chooses. */
export class CallingTransport implements Transport {
  readonly capabilities: TransportCapabilities;
  readonly #from: string;
  readonly #router: CallRouter;
  readonly #identities: Identities;

  constructor(capabilities: TransportCapabilities, from: string, router: CallRouter, identities: Identities) {
    this.capabilities = capabilities;
    this.#from = from;
    this.#router = router;
    this.#identities = identities;
  }

  instances(service: string): readonly string[] {
    return this.#router.keys(service);
  }

  call(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply> {
    return new Promise((resolve) => {
      const sender = this.#router.route(target);
      if (!('send' in sender)) {
        resolve(sender);
        return;
      }
      let call: PendingCall;
      try {
        const text = encodeRequest(target, input, meta);
        call = new PendingCall(target, this.#identities.sign(meta.caller, this.#from, target.service), text, signal, resolve);
      } catch (error) {
        resolve(unsendable(target, error));
        return;
      }
      if (call.begin()) sender.send(call);
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
    return new PendingStream(target, token, text, signal, {
      windowBytes: this.#router.windowBytes,
      open: (stream) => {
        const sender = refused ?? this.#router.route(target);
        if ('send' in sender) sender.send(stream);
        else stream.fail(sender);
      },
    });
  }
}

/** A call that does not leave: its input cannot travel, or this process may not sign for its caller. */
function unsendable(target: Target, error: unknown): Fault {
  if (error instanceof JsonError) return notSent(target, error);
  if (error instanceof RametError) return fault(error);
  const what = `${target.service}.${target.operation}`;
  return fault(new RametError('Internal', `the call of ${what} cannot be sent`, { cause: error, executed: 'no' }));
}
