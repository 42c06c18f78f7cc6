import { type CompiledContract, type CompiledOperation, compileContract } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import type { HttpRequest, Platform } from '../platform/index.ts';
import type { TransportRoutes } from './call.ts';
import { type CallOptions, type CallOrigin, Edge, unwrap } from './client.ts';
import { Bulkhead, compilePolicy, DEFAULT_POLICY } from './policy.ts';
import type { Dependency, External, ExternalClient, Uses } from './use.ts';

/** Makes the clients of one caller for one call: `clients(origin)` is what handlers get as `use`. */
export type ClientFactory = (origin: CallOrigin) => Record<string, unknown>;

export interface CompiledUses {
  /** Clients of every dependency, commands included. */
  readonly all: ClientFactory;
  /** The declared edges, for the graph. */
  readonly edges: readonly { readonly name: string; readonly target: string; readonly kind: 'service' | 'external' }[];
}

/**
 * Compiles what a service or gateway declared in `uses`: edges with their policies, made once; a call only binds them to
 * its origin.
 * @returns the clients, and every problem with the declarations
 */
export function compileUses(
  platform: Platform,
  transport: TransportRoutes,
  owner: string,
  uses: Uses,
): { uses: CompiledUses; problems: string[] } {
  const problems: string[] = [];
  const makers: [string, (origin: CallOrigin) => unknown][] = [];
  const edges: { name: string; target: string; kind: 'service' | 'external' }[] = [];
  for (const [name, declared] of Object.entries(uses)) {
    const { policy, problems: wrong } = compilePolicy('external' in declared ? declared : declared.policy);
    for (const problem of wrong) problems.push(`${owner}, uses '${name}': ${problem}`);
    if ('external' in declared) {
      edges.push({ name, target: declared.external, kind: 'external' });
      makers.push([name, externalMaker(platform, declared, policy.timeoutMs, new Bulkhead(policy.bulkhead))]);
    } else {
      const { compiled } = compileContract((declared as Dependency).contract);
      edges.push({ name, target: compiled.contract.name, kind: 'service' });
      makers.push([name, clientMaker(compiled, new Edge(platform, transport, compiled.contract.name, policy))]);
    }
  }
  return { uses: { all: (origin) => lazily(makers, origin), edges }, problems };
}

/** A client of one contract outside any declared graph: for the runtime and its tools. */
export function clientFor(platform: Platform, transport: TransportRoutes, contract: CompiledContract): (origin: CallOrigin) => unknown {
  return clientMaker(contract, new Edge(platform, transport, contract.contract.name, DEFAULT_POLICY));
}

/** Clients are made when they are first asked for: most handlers use none. */
function lazily(makers: readonly [string, (origin: CallOrigin) => unknown][], origin: CallOrigin): Record<string, unknown> {
  const clients = {};
  for (const [name, make] of makers) {
    let made: unknown;
    Object.defineProperty(clients, name, {
      enumerable: true,
      get: () => {
        made ??= make(origin);
        return made;
      },
    });
  }
  return clients;
}

function clientMaker(compiled: CompiledContract, edge: Edge): (origin: CallOrigin) => unknown {
  const operations = [...compiled.operations.values()];
  return (origin) => Object.fromEntries(operations.map((operation) => [operation.operation.name, callable(edge, operation, origin)]));
}

function callable(edge: Edge, operation: CompiledOperation, origin: CallOrigin): unknown {
  if (operation.operation.kind === 'stream') return (input: unknown) => edge.stream(operation.operation, input, origin);
  const call = async (input: unknown, options?: CallOptions) => {
    const reply = await edge.call(operation.operation, input, origin, options);
    if (!reply.ok && reply.kind === 'fault' && options && 'fallback' in options) return options.fallback;
    return unwrap(reply);
  };
  call.try = async (input: unknown, options?: CallOptions) => {
    const reply = await edge.call(operation.operation, input, origin, options);
    if (reply.ok) return reply;
    if (reply.kind === 'declared') return { ok: false, error: reply.error, data: reply.data };
    if (options && 'fallback' in options) return { ok: true, value: options.fallback };
    return unwrap(reply);
  };
  return call;
}

function externalMaker(
  platform: Platform,
  declared: External,
  timeoutMs: number,
  bulkhead: Bulkhead,
): (origin: CallOrigin) => ExternalClient {
  return (origin) => ({
    async fetch(path: string, request: HttpRequest = {}): Promise<Response> {
      if (!path.startsWith('/') || path.startsWith('//')) throw new TypeError(`'${path}' is no path: it begins with one slash`);
      const controller = new AbortController();
      const abort = (signal: AbortSignal | undefined) => {
        const onAbort = () => controller.abort(signal?.reason);
        if (signal?.aborted) onAbort();
        signal?.addEventListener('abort', onAbort, { once: true });
        return () => signal?.removeEventListener('abort', onAbort);
      };
      const budgetMs = Math.min(timeoutMs, origin.remainingMs());
      const late = new RametError('DeadlineExceeded', `${declared.external} did not answer in ${Math.round(budgetMs)} ms`);
      const timer = platform.timers.set(budgetMs, () => controller.abort(late));
      const release = [abort(origin.signal), abort(request.signal)];
      const ended = (executed: 'no' | 'unknown') => {
        const { reason } = controller.signal;
        return reason instanceof RametError
          ? new RametError(reason.code, reason.message, { executed })
          : new RametError('Cancelled', undefined, { executed });
      };
      try {
        if (controller.signal.aborted) throw ended('no');
        await bulkhead.enter(declared.external, (giveUp) =>
          controller.signal.addEventListener('abort', () => giveUp(ended('no')), { once: true }),
        );
        try {
          const answer = await platform.http.fetch(declared.url + path, {
            ...request,
            headers: { traceparent: origin.meta.trace.traceparent, ...request.headers },
            signal: controller.signal,
          });
          // The body is read under the same deadline, and the connection is free when this returns.
          const body = await answer.text();
          return new Response(answer.status === 204 || answer.status === 304 ? null : body, {
            status: answer.status,
            headers: [...answer.headers] as [string, string][],
          });
        } finally {
          bulkhead.leave();
        }
      } catch (error) {
        if (error instanceof RametError) throw error;
        if (controller.signal.aborted) throw ended('unknown');
        throw new RametError('Unavailable', `${declared.external} cannot be reached (${reasonOf(error)})`, {
          cause: error,
          executed: 'unknown',
        });
      } finally {
        timer.cancel();
        for (const off of release) off();
      }
    },
  });
}

/** Undici says 'fetch failed' and keeps what happened in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error & { code?: string } };
  return cause ? (cause.code ?? cause.message) : message;
}
