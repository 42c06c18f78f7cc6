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
 * A service says that sagas of its own have ended so long ago that nothing of them is on its way any more: their fences here
 * are deleted, and those of their undos. It may say so of what it has asked for itself, and of nothing else. An effect that is
 * still under way is brought to its end, and forgotten then.
 */
export async function forgetSteps(store: Store, { kind, subject }: Caller, input: unknown): Promise<Reply> {
  const { steps } = (input ?? {}) as { steps?: unknown };
  if (kind !== 'service') return fault(new RametError('Forbidden', 'only the owner of sagas says that they have ended'));
  if (!Array.isArray(steps) || steps.length > ENDED_AT_ONCE || !steps.every((key) => typeof key === 'string'))
    return fault(new RametError('BadRequest', `sagas that have ended are named by at most ${ENDED_AT_ONCE} keys of steps`));
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
    return fault(error instanceof RametError ? error : new RametError('Internal', 'ended sagas cannot be forgotten', { cause: error }));
  }
}
