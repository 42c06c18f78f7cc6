/** What an adapter is able to do: read at boot, by the conformance suite, by the documents and by the console. */
export interface StoreCapabilities {
  readonly name: string;
  /** Whether a commit survives the loss of power. */
  readonly durable: boolean;
  /** Whether several processes may use one store. */
  readonly shared: boolean;
  /** How many transactions share a commit at most; 1 where each has its own. */
  readonly sharedCommits: number;
  /** How many transactions of one process run side by side at most; absent where they share a connection. */
  readonly concurrent?: number;
  /** The partitions of the outbox, and so how many transactions that emit events can commit at once. */
  readonly partitions: number;
}
