/** Wake-ups among the processes that use one store. A hint may be lost or arrive late: a caller that needs certainty polls as well. */
export interface Hints {
  /** Wakes the listeners of `topic` in other processes. Calls within some milliseconds cause one wake-up. */
  notify(topic: string): void;
  listen(topic: string, wake: () => void): () => void;
}
