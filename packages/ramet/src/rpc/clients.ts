import { type CompiledContract, type CompiledOperation, compileContract, shownFailure } from '../contract/index.ts';
import type { Platform } from '../platform/index.ts';
import { errorOf, type Fault } from './call.ts';
import { connectedMaker } from './connected.ts';
import { Edge } from './edge.ts';
import type { Edges } from './edges.ts';
import { externalMaker, urlProblems } from './external.ts';
import type { Called, CallOptions, CallOrigin } from './origin.ts';
import { Outbound } from './outbound.ts';
import { compilePolicy } from './policies/policy.ts';
import type { TransportRoutes } from './transport.ts';
import type { Dependency, Uses } from './use.ts';

/** Makes the clients of one caller for one call. Handlers receive `clients(origin)` as `use`. */
export type ClientFactory = (origin: CallOrigin) => Record<string, unknown>;

/** What a service or gateway declares in `uses`, compiled. */
export interface CompiledUses {
  /** Clients of every dependency, commands included. */
  readonly all: ClientFactory;
}

/**
 * Compiles what a service or gateway declares in `uses`. Edges with their policies are made once; a call only binds them to
 * its origin.
 * @param outbound what the owner's edges have in common
 * @returns the clients, and every problem with the declarations
 */
export function compileUses(
  platform: Platform,
  transport: TransportRoutes,
  owner: string,
  uses: Uses,
  outbound: Outbound = new Outbound(platform, owner),
): { uses: CompiledUses; problems: string[] } {
  const problems: string[] = [];
  const makers: [string, (origin: CallOrigin) => unknown][] = [];
  for (const [name, declared] of Object.entries(uses)) {
    const { policy, problems: wrong } = compilePolicy('external' in declared ? declared : declared.policy);
    for (const problem of wrong) problems.push(`${owner}, uses '${name}': ${problem}`);
    if ('external' in declared) {
      const { connect } = declared;
      if (!connect) problems.push(...urlProblems(declared).map((problem) => `${owner}, uses '${name}': ${problem}`));
      if (connect) makers.push([name, connectedMaker(platform, declared, connect, policy, outbound)]);
      else makers.push([name, externalMaker(platform, declared, policy, outbound)]);
    } else {
      const { compiled } = compileContract((declared as Dependency).contract);
      makers.push([name, clientMaker(compiled, new Edge(outbound, transport, compiled.contract.name, policy))]);
    }
  }
  return { uses: { all: (origin) => lazily(makers, origin) }, problems };
}

/** Makes clients of one contract outside any declared graph, for the runtime and its tools. */
export function clientFor(edges: Edges, contract: CompiledContract): (origin: CallOrigin) => unknown {
  return clientMaker(contract, edges.to(contract.contract.name));
}

/** Makes each client on first access: most handlers use none. */
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
  const operations = [...compiled.operations.values()].map(calledOf);
  return (origin) => Object.fromEntries(operations.map((operation) => [operation.name, callable(edge, operation, origin)]));
}

/** Describes an operation for its calls. Its failures are shown without their secrets. */
function calledOf(compiled: CompiledOperation): Called {
  const { kind, service, name } = compiled.operation;
  return { kind, service, name, shown: (error, data) => shownFailure(compiled, error, data) };
}

function callable(edge: Edge, operation: Called, origin: CallOrigin): unknown {
  if (operation.kind === 'stream') return (input: unknown) => edge.stream(operation, input, origin);
  const withFallback = async (input: unknown, options: CallOptions) => {
    const reply = await edge.call(operation, input, origin, options);
    return !reply.ok && reply.kind === 'fault' ? fallBack(edge, operation, reply, options) : edge.unwrap(operation, reply);
  };
  const call = (input: unknown, options?: CallOptions) =>
    options && 'fallback' in options ? withFallback(input, options) : edge.value(operation, input, origin, options);
  call.try = async (input: unknown, options?: CallOptions) => {
    const reply = await edge.call(operation, input, origin, options);
    if (reply.ok) return reply;
    if (reply.kind === 'declared') return { ok: false, error: reply.error, data: reply.data };
    if (options && 'fallback' in options) return { ok: true, value: await fallBack(edge, operation, reply, options) };
    return edge.unwrap(operation, reply);
  };
  return call;
}

function fallBack(edge: Edge, operation: Called, reply: Fault, { fallback }: CallOptions): unknown {
  edge.fellBack(operation, reply.code);
  return typeof fallback === 'function' ? fallback(errorOf(reply)) : fallback;
}
