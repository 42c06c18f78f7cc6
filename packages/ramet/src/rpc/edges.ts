import { Edge } from './edge.ts';
import type { Outbound } from './outbound.ts';
import { type CompiledPolicy, DEFAULT_POLICY } from './policies/policy.ts';
import type { TransportRoutes } from './transport.ts';

/**
 * Keeps one edge per target for a caller whose targets are not declared in a graph. Bulkhead, breaker and retry budget work only
 * across calls that share an edge.
 */
export class Edges {
  readonly #transport: TransportRoutes;
  readonly #outbound: Outbound;
  readonly #policyOf: (target: string) => CompiledPolicy;
  readonly #edges = new Map<string, Edge>();

  /** @param outbound what the edges of the caller have in common */
  constructor(transport: TransportRoutes, outbound: Outbound, policyOf: (target: string) => CompiledPolicy = () => DEFAULT_POLICY) {
    this.#transport = transport;
    this.#outbound = outbound;
    this.#policyOf = policyOf;
  }

  to(target: string): Edge {
    let edge = this.#edges.get(target);
    if (!edge) {
      edge = new Edge(this.#outbound, this.#transport, target, this.#policyOf(target));
      this.#edges.set(target, edge);
    }
    return edge;
  }
}
