import { RametError } from '../../errors/index.ts';
import { type Platform, realPlatform } from '../../platform/index.ts';
import { ANONYMOUS, type Caller } from '../../security/index.ts';
import type { CallMeta, Dispatcher, Reply } from '../call.ts';
import type { Address, Identities, RemoteTransport, RpcServer } from '../transport.ts';
import { type MuxOptions, mux } from './mux.ts';

/** Names that anybody could sign: what the transport does with tokens is tested, not the tokens. */
export const plainIdentities: Identities = {
  sign: (caller, from, to) => JSON.stringify({ caller, from, to }),
  verify(token, to) {
    const claims = JSON.parse(token) as { caller: Caller; from: string; to: string };
    if (claims.to !== to) throw new RametError('Forbidden', `a token for '${claims.to}' came to '${to}'`);
    return claims;
  },
};

export const META: CallMeta = {
  caller: ANONYMOUS,
  trace: { correlationId: 'cor_1', traceparent: '00-1-1-01' },
  depth: 1,
  timeoutMs: 5_000,
};

/** Answers every operation by a function. */
export const answering = (answer: (input: any, meta: CallMeta, operation: string) => unknown): Dispatcher => ({
  call: async (operation, input, meta) => ({ ok: true, value: await answer(input, meta, operation) }),
  async *stream(operation, input, meta) {
    for await (const value of (await answer(input, meta, operation)) as AsyncIterable<unknown>) yield { ok: true, value } as Reply;
  },
});

/** Processes that answer and one that calls, all in this one, over real sockets. */
export class Site {
  readonly platform: Platform;
  readonly errors: unknown[] = [];
  readonly servers: RpcServer[] = [];
  readonly #made: RemoteTransport[] = [];
  readonly #options: MuxOptions;
  addresses: readonly Address[] = [];

  constructor(options: MuxOptions = {}, platform: Platform = realPlatform()) {
    this.#options = options;
    this.platform = platform;
  }

  /** One process; it has seen the same registry as all others. */
  process(name: string, { identities = plainIdentities, options = this.#options }: { identities?: Identities; options?: MuxOptions } = {}) {
    const remote = mux(options).create({
      platform: this.platform,
      addresses: () => this.addresses,
      identities,
      process: name,
      onError: (error) => this.errors.push(error),
    });
    this.#made.push(remote);
    return remote;
  }

  /** A process that answers, made known to all. */
  async serve(service: string, dispatcher: Dispatcher, { id = `${service}-${this.servers.length}`, port = 0, host = '127.0.0.1' } = {}) {
    const server = await this.process(id).listen(new Map([[service, dispatcher]]), { host, port });
    this.servers.push(server);
    this.addresses = [...this.addresses, { id, host, port: server.port }];
    return server;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMono = this.platform.clock.monoNow() + 10_000;
    while (!condition()) {
      if (this.platform.clock.monoNow() > deadlineMono) throw new Error(`not within 10 s: ${what}`);
      await this.platform.timers.sleep(2);
    }
  }

  async close(): Promise<void> {
    for (const remote of this.#made) await remote.close();
    for (const server of this.servers) await server.close();
  }
}
