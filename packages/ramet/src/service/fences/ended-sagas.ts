import { RametError } from '../../errors/index.ts';
import { fault, type Reply } from '../../rpc/index.ts';
import { ENDED_AT_ONCE, FENCES_KEPT } from '../../saga/index.ts';
import type { Caller } from '../../security/index.ts';
import type { Store } from '../../store/index.ts';
import { isOfRequest } from '../tables.ts';
import { undoKeyOf } from './fences.ts';

const PLACES = Array(2 * ENDED_AT_ONCE)
  .fill('?')
  .join(', ');
const MINE = `step_key in (${PLACES}) and (asked_by = ? or asked_by is null)`;
const OK: Reply = { ok: true, value: undefined };

/**
 * Forgets steps whose saga ended so long ago that no request of it is on its way: deletes their fences, and those of their undos. A
 * service can only make this service forget steps that it requested itself. An effect that is still under way continues, and is
 * forgotten after its end.
 */
export async function forgetSteps(store: Store, { kind, subject }: Caller, input: unknown): Promise<Reply> {
  const { steps } = (input ?? {}) as { steps?: unknown };
  if (kind !== 'service') return fault(new RametError('Forbidden', 'only the service that owns sagas may report their end'));
  if (!Array.isArray(steps) || steps.length > ENDED_AT_ONCE || !steps.every((key) => typeof key === 'string'))
    return fault(new RametError('BadRequest', `a report of ended sagas must name at most ${ENDED_AT_ONCE} keys of steps`));
  const keys = steps.filter((key) => !isOfRequest(key)).flatMap((key) => [key, undoKeyOf(key)]);
  if (keys.length === 0) return OK;
  const params = [...Array.from({ length: 2 * ENDED_AT_ONCE }, (_, i) => keys[i] ?? null), subject];
  try {
    await store.write(
      async (tx) => {
        await tx.run(`delete from ramet_fences where ${MINE} and state not in ('STARTED', 'CANCELLING')`, ...params);
        await tx.run(`update ramet_fences set keep_until = ramet_now() + ${FENCES_KEPT.endedMs} where ${MINE}`, ...params);
      },
      { name: 'ended sagas' },
    );
    return OK;
  } catch (error) {
    return fault(
      error instanceof RametError
        ? error
        : new RametError('Internal', 'the steps of ended sagas could not be forgotten; the report is repeated', { cause: error }),
    );
  }
}
