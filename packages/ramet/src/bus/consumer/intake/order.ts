import { RametError } from '../../../errors/index.ts';
import type { Batch, Delivery } from '../../bus.ts';
import type { PartitionProgress } from '../partition-progress.ts';

/** In which order the events of a batch are handled, and what is written down before. */
export interface BatchOrder {
  /**
   * Settles the events of a batch.
   * @param known those of the batch for which there are handlers
   * @throws RametError ShuttingDown when the batch ends before all are processed
   */
  settle(batch: Batch, progress: PartitionProgress, known: readonly Delivery[]): Promise<void>;
}

/** Ends a batch before `left`. The progress until there is written down. No later event was under way, so none is suspected. */
export async function endBefore(progress: PartitionProgress, left: Delivery, anySettled: boolean): Promise<never> {
  if (anySettled) await progress.raise(left.pos - 1);
  throw new RametError('ShuttingDown');
}
