import type { Dispatcher, Reply, Transport } from '../call.ts';

/** The transport within one process: a directory of dispatchers. Values are copied by the codecs of the side that receives them. */
export function localTransport(dispatchers: ReadonlyMap<string, Dispatcher>): Transport {
  const missing = (service: string): Reply => ({
    ok: false,
    kind: 'fault',
    code: 'Unavailable',
    detail: `no process of this topology hosts '${service}'`,
    issues: [],
    executed: 'no',
  });
  return {
    capabilities: { name: 'local', remote: false, streams: true },
    call(target, input, meta, signal) {
      const dispatcher = dispatchers.get(target.service);
      return dispatcher ? dispatcher.call(target.operation, input, meta, signal) : Promise.resolve(missing(target.service));
    },
    async *stream(target, input, meta, signal) {
      const dispatcher = dispatchers.get(target.service);
      if (dispatcher) yield* dispatcher.stream(target.operation, input, meta, signal);
      else yield missing(target.service);
    },
  };
}
