import { expect, test } from 'vitest';
import type { Tx } from '../../store/index.ts';
import { requestCancel } from './start.ts';

/*
 * The owner writes a saga while another connection cancels it. Where transactions run in parallel, what a transaction has read
 * may be outdated when it writes.
 */

/** A transaction that reads `before`, while the saga becomes `after`. */
function meanwhile(before: object, after: { readonly state: string; readonly pivoted: number }) {
  const written: string[] = [];
  let looks = 0;
  const row = () => ({ id: 'saga_1', cancel_reason: null, pivoted: 0, ...(looks++ === 0 ? before : after) });
  const tx = {
    get: async () => row(),
    run: async () => (after.state === 'RUNNING' && after.pivoted === 0 ? 1 : 0),
    defer: (sql: string) => void written.push(sql),
  };
  return { tx: tx as unknown as Tx, written };
}

const cancel = (tx: Tx) => requestCancel(tx, { name: 'fulfil' }, 'ord_1', 'no more');

test.each(['COMPENSATING', 'COMPENSATED', 'IN_DOUBT'])(
  'a saga that becomes %s in the meantime is being cancelled already',
  async (state) => {
    const { tx, written } = meanwhile({ state: 'RUNNING' }, { state, pivoted: 0 });
    expect(await cancel(tx)).toEqual({ answer: 'accepted', sagaId: 'saga_1' });
    expect(written).toEqual([]);
  },
);

test('a saga whose pivot is stored in the meantime, or that completes, is not cancelled', async () => {
  for (const after of [
    { state: 'RUNNING', pivoted: 1 },
    { state: 'COMPLETED', pivoted: 1 },
  ]) {
    const { tx, written } = meanwhile({ state: 'RUNNING' }, after);
    expect(await cancel(tx)).toEqual({ answer: 'refused' });
    expect(written).toEqual([]);
  }
});

test('a saga that still runs is cancelled, and its log says so', async () => {
  const { tx, written } = meanwhile({ state: 'RUNNING' }, { state: 'RUNNING', pivoted: 0 });
  expect(await cancel(tx)).toEqual({ answer: 'accepted', sagaId: 'saga_1' });
  expect(written).toHaveLength(1);
});
