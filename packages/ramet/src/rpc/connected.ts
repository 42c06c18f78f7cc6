import type { Platform } from '../platform/index.ts';
import type { Reply } from './call.ts';
import { Edge } from './edge.ts';
import type { CallOrigin } from './origin.ts';
import type { Outbound } from './outbound.ts';
import type { CompiledPolicy } from './policies/policy.ts';
import type { TransportRoutes } from './transport.ts';
import type { External } from './use.ts';

/** The outcome of a method of the client. Errors of a library keep their class and are thrown unchanged. */
type Ended = { readonly value: unknown } | { readonly error: unknown };

/**
 * Makes clients of a system that is reached through its own library. Each method is a call under the declared policies and
 * throws what the library throws. Nothing is repeated, because only the caller knows whether a method is safe to repeat.
 */
export function connectedMaker<T extends object>(
  platform: Platform,
  declared: External<T>,
  connect: () => T,
  policy: CompiledPolicy,
  outbound: Outbound,
): (origin: CallOrigin) => T {
  const { external: name, failed = () => true } = declared;
  const client = platform.outside(name, connect);
  const judge = (ended: unknown) => ({ failed: 'error' in (ended as Ended) && failed((ended as { error: unknown }).error) });
  const edge = new Edge(outbound, throughMethods(client), name, policy, judge);
  return (origin) =>
    new Proxy(client, {
      get(target, method, self) {
        const member: unknown = Reflect.get(target, method, self === target ? self : target);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          const operation = { kind: 'command', service: name, name: String(method) } as const;
          const ended = edge.unwrap(operation, await edge.call(operation, args, origin)) as Ended;
          if ('error' in ended) throw edge.noted(operation, ended.error);
          return ended.value;
        };
      },
    });
}

function throughMethods(client: object): TransportRoutes {
  return {
    async call({ operation }, args): Promise<Reply> {
      try {
        const method = (client as Record<string, (...given: unknown[]) => unknown>)[operation] as (...given: unknown[]) => unknown;
        return { ok: true, value: { value: await method.apply(client, args as unknown[]) } };
      } catch (error) {
        return { ok: true, value: { error } };
      }
    },
    // biome-ignore lint/correctness/useYield: a method answers once
    async *stream() {
      throw new TypeError('a client of an external system has no streams');
    },
  };
}
