import { decodeJson, encodeJson, isPlainJson, JsonError } from '../../platform/index.ts';
import { type CallMeta, type Dispatcher, type Fault, KEY_LENGTH_MAX, PAYLOAD_BYTES, type Reply, stopped, type Target } from '../call.ts';
import { encodeRequest } from '../messages.ts';
import { notAnswered, notSent, tooLarge } from '../payload.ts';
import type { Transport } from '../transport.ts';

/**
 * Makes the transport within one process: a directory of dispatchers. The codecs of the receiving side copy the values. This
 * transport changes, refuses and limits values as a wire does: most values are quickly seen to be plain JSON, and any other is
 * written as text and read again.
 * @param refusal answers for a service that is not in the directory
 */
export function localTransport(
  dispatchers: ReadonlyMap<string, Dispatcher>,
  refusal: (service: string) => Fault = (service) => stopped(service),
): Transport {
  return {
    capabilities: { name: 'local', remote: false, streams: true },
    call(target, input, meta, signal) {
      const dispatcher = dispatchers.get(target.service);
      if (!dispatcher) return Promise.resolve(refusal(target.service));
      const asked = isPlain(input) && keysFit(meta) ? undefined : arriving(target, input, meta);
      if (asked?.ok === false) return Promise.resolve(asked);
      return dispatcher
        .call(target.operation, asked ? asked.value : input, meta, signal)
        .then((reply) => (isPlainReply(reply) ? reply : returning(target, reply)));
    },
    async *stream(target, input, meta, signal) {
      const dispatcher = dispatchers.get(target.service);
      const asked = dispatcher ? arriving(target, input, meta) : refusal(target.service);
      if (!dispatcher || !asked.ok) {
        yield asked;
        return;
      }
      for await (const reply of dispatcher.stream(target.operation, asked.value, meta, signal)) {
        const arrived = isPlainReply(reply) ? reply : returning(target, reply);
        yield arrived;
        // An answer that cannot be sent ends the stream.
        if (!arrived.ok) return;
      }
    },
  };
}

const isPlain = (value: unknown): boolean => value === undefined || isPlainJson(value);

const isPlainReply = (reply: Reply): boolean => (reply.ok ? isPlain(reply.value) : reply.kind === 'fault' || isPlain(reply.data));

const keysFit = ({ key = '', step }: CallMeta): boolean => key.length <= KEY_LENGTH_MAX && (step?.key.length ?? 0) <= KEY_LENGTH_MAX;

/** Passes an input through the rules of a wire. @returns the input as it arrives, or the fault that refuses it */
function arriving(target: Target, input: unknown, meta: CallMeta): Reply {
  if (!keysFit(meta)) return notSent(target, `a name or key beside it is longer than ${KEY_LENGTH_MAX} characters`);
  try {
    const text = encodeRequest(target, input, meta);
    if (isTooLarge(text)) return tooLarge(`the input of ${nameOf(target)}, with what travels beside it,`, PAYLOAD_BYTES, 'no');
    return { ok: true, value: (decodeJson(text) as unknown[])[7] };
  } catch (error) {
    if (error instanceof JsonError) return notSent(target, error);
    throw error;
  }
}

/** Passes a reply through the rules of a wire. A value that is refused is a fault, although the handler has run. */
function returning(target: Target, reply: Reply): Reply {
  try {
    if (reply.ok) return { ok: true, value: copied(target, reply.value) };
    return reply.kind === 'declared' ? { ...reply, data: copied(target, reply.data) } : reply;
  } catch (error) {
    if (error instanceof JsonError) return notAnswered(nameOf(target), error);
    if (error instanceof TooLarge) return tooLarge(`the answer of ${nameOf(target)}`, PAYLOAD_BYTES, 'unknown');
    throw error;
  }
}

class TooLarge extends Error {}

function copied(target: Target, value: unknown): unknown {
  const text = encodeJson(value);
  if (isTooLarge(text)) throw new TooLarge(nameOf(target));
  return text === '' ? undefined : decodeJson(text);
}

const isTooLarge = (text: string): boolean => text.length > PAYLOAD_BYTES / 3 && Buffer.byteLength(text) > PAYLOAD_BYTES;

const nameOf = ({ service, operation }: Target): string => `${service}.${operation}`;
