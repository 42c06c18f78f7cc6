/**
 * What happens at one moment and has no duration: decisions of policies, refusals, commits. Edges are named `caller->target`.
 */
export type Note =
  /** A circuit breaker changed its state. That of an instance is called `instance <key>` instead of an operation. */
  | { readonly what: 'circuit'; readonly edge: string; readonly operation: string; readonly from: CircuitState; readonly to: CircuitState }
  /** A half-open breaker let a probe out; with it so many are under way. */
  | { readonly what: 'probe'; readonly edge: string; readonly operation: string; readonly inFlight: number }
  /** An attempt beyond the first leaves for its target. */
  | { readonly what: 'retry'; readonly edge: string; readonly operation: string; readonly attempt: number }
  /** A retry was not made because the budget had no token. */
  | { readonly what: 'budget empty'; readonly edge: string }
  /** So many calls wait for a place in a bulkhead now. */
  | { readonly what: 'queue'; readonly edge: string; readonly waiting: number }
  /** A call left the queue of a bulkhead because its deadline had passed. */
  | { readonly what: 'expired in queue'; readonly edge: string }
  /** A call was refused before it left: `CircuitOpen` or `BulkheadFull`. */
  | { readonly what: 'rejected'; readonly edge: string; readonly operation: string; readonly code: string }
  /** A call answered with its fallback instead of a fault. */
  | { readonly what: 'fallback'; readonly edge: string; readonly operation: string; readonly code: string }
  /** A call failed whose promise no code awaits. */
  | { readonly what: 'unawaited'; readonly edge: string; readonly operation: string; readonly error: unknown }
  /** A service refused a call because the process is overloaded. */
  | { readonly what: 'call shed'; readonly service: string; readonly priority: string }
  /** A gateway refused a request because the process is overloaded. */
  | { readonly what: 'request shed'; readonly gateway: string; readonly priority: string }
  /** A rate limit was decided without the store of limits. */
  | { readonly what: 'limit uncounted'; readonly gateway: string; readonly answer: string }
  /** A subscription lacks so many positions of a source, because they were deleted before it read them. */
  | { readonly what: 'events missed'; readonly subscriber: string; readonly source: string; readonly positions: number }
  /** A caller has left the process, and its edges with it. */
  | { readonly what: 'caller left'; readonly caller: string }
  /** So many transactions shared a COMMIT that took so long. */
  | { readonly what: 'commit'; readonly service: string; readonly ms: number; readonly transactions: number };

/** The state of a circuit breaker. */
export type CircuitState = 'closed' | 'half-open' | 'open';
