import { expect, test } from 'vitest';
import { followHistory } from './follow-history.ts';

/** A history that grows by one entry at each change, as another transaction would add it. */
function growing(before: readonly string[], later: readonly string[]) {
  const rows = before.map((status, at) => ({ seq: at + 1, status }));
  const waiting = [...later];
  const asked: number[] = [];
  const next = async () => {
    const status = waiting.shift();
    if (status !== undefined) rows.push({ seq: rows.length + 1, status });
    return status !== undefined;
  };
  const readAfter = async (seq: number) => {
    asked.push(seq);
    return rows.filter((row) => row.seq > seq);
  };
  return { change: { next }, readAfter, asked };
}
/** Reads a stream to its end. */
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
const isDone = ({ status }: { status: string }) => status === 'done';

test('every entry is yielded once, in order, until the last one', async () => {
  const { change, readAfter, asked } = growing(['placed', 'paid'], ['sent', 'done', 'never reached']);
  const seen: string[] = [];
  for await (const entry of followHistory(change, readAfter, isDone)) seen.push(entry.status);
  expect(seen).toEqual(['placed', 'paid', 'sent', 'done']);
  expect(asked).toEqual([0, 2, 3]);
});

test('the stream ends where it is when the process is about to stop', async () => {
  const { change, readAfter } = growing(['placed'], []);
  const entries = await all(followHistory(change, readAfter, isDone));
  expect(entries).toEqual([{ status: 'placed' }]);
});

test('entries behind the last one are not yielded, and the reader of the stream may leave at any entry', async () => {
  const { change, readAfter } = growing(['done', 'late'], []);
  expect(await all(followHistory(change, readAfter, isDone))).toEqual([{ status: 'done' }]);
  const left = followHistory(growing(['a', 'b'], []).change, growing(['a', 'b'], []).readAfter, isDone);
  for await (const { status } of left) {
    expect(status).toBe('a');
    break;
  }
});

test('an error of the read reaches the reader of the stream', async () => {
  const failing = followHistory(
    { next: async () => true },
    (): Promise<{ seq: number; status: string }[]> => Promise.reject(new Error('the store is closed')),
    isDone,
  );
  await expect(failing.next()).rejects.toThrow('the store is closed');
});

test.each([
  { order: 'falls', seqs: [1, 3, 2], read: ['1', '3'], named: 'the entry with seq 2 after seq 3' },
  { order: 'repeats', seqs: [1, 1], read: ['1'], named: 'the entry with seq 1 after seq 1' },
  { order: 'is missing', seqs: [undefined as unknown as number], read: [], named: 'the entry with seq undefined after seq 0' },
])('a seq that $order ends the stream with an error that names both', async ({ seqs, read, named }) => {
  const stream = followHistory({ next: async () => false }, async () => seqs.map((seq) => ({ seq, status: String(seq) })), isDone);
  const seen: string[] = [];
  const reading = async () => {
    for await (const { status } of stream) seen.push(status);
  };
  await expect(reading()).rejects.toThrow(named);
  expect(seen).toEqual(read);
});
