import { type CompiledOperation, saidOf } from '../contract/index.ts';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { declared, type Reply } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import { NoRowChanged, type Reader, type Store, type Tx } from '../store/index.ts';

/** A client's request: what it asks for, who asks, and the key under which it may be repeated. */
export interface RequestId {
  readonly operation: string;
  readonly principal: string;
  readonly key: string;
  readonly bodyHash: string;
}

export function requestId(platform: Platform, compiled: CompiledOperation, caller: Caller, key: string, input: unknown): RequestId {
  return {
    operation: compiled.fullName,
    principal: `${caller.kind}:${caller.subject}`,
    key,
    // What was said, not what the contract of today makes of it: a deployment between a request and its repetition may add to that.
    bodyHash: platform.crypto.sha256(saidOf(compiled.input.jsonSchema, input)),
  };
}

/**
 * The answer given to this request before, if there was one. The key belongs to one principal and one operation: nobody
 * reads another's answer with it.
 * @throws RametError IdempotencyKeyReused when the key came with another body
 */
export async function earlierAnswer(reader: Reader | Tx, id: RequestId): Promise<{ answer: Reply | undefined } | undefined> {
  const row = await reader.get<{ body_hash: string; answer: string | null }>(
    'select body_hash, answer from ramet_requests where operation = ? and principal = ? and key = ?',
    id.operation,
    id.principal,
    id.key,
  );
  if (!row) return undefined;
  if (row.body_hash !== id.bodyHash) throw new RametError('IdempotencyKeyReused');
  return { answer: row.answer === null ? undefined : (JSON.parse(row.answer) as Reply) };
}

const CLAIM =
  'insert into ramet_requests (operation, principal, key, body_hash, at) values (?, ?, ?, ?, ramet_now()) on conflict do nothing';

/** Notes the key of a request that goes on by itself. @returns false when it was known */
export async function noteRequest(tx: Tx, id: RequestId): Promise<boolean> {
  return (await tx.run(CLAIM, id.operation, id.principal, id.key, id.bodyHash)) > 0;
}

/**
 * Answers a request once: `work` runs in a transaction that claims the key, and comes to nothing where somebody was faster,
 * whose answer is then this one.
 * @throws RametError IdempotencyKeyReused when the key came with another body; ConcurrencyConflict
 */
export async function answeredOnce(store: Store, id: RequestId, name: string, work: (tx: Tx) => Promise<Reply>): Promise<Reply> {
  try {
    return await store.write(
      async (tx) => {
        tx.must(CLAIM, id.operation, id.principal, id.key, id.bodyHash);
        const answer = await work(tx);
        storeAnswer(tx, id, answer);
        return answer;
      },
      { name },
    );
  } catch (error) {
    if (!(error instanceof NoRowChanged)) throw error;
    const other = await earlierAnswer(store.reader, id);
    if (other?.answer) return other.answer;
    throw new RametError('ConcurrencyConflict', 'the same request is under way');
  }
}

function storeAnswer(tx: Tx, id: RequestId, answer: Reply): void {
  tx.last(
    'update ramet_requests set answer = ? where operation = ? and principal = ? and key = ?',
    JSON.stringify(answer),
    id.operation,
    id.principal,
    id.key,
  );
}

/**
 * Runs `work` so that a declared failure undoes what it wrote and becomes the answer; every other error undoes everything
 * and is thrown.
 */
export async function answerOf(tx: Tx, compiled: CompiledOperation, work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await tx.savepoint(work);
  } catch (error) {
    if (error instanceof DeclaredError && compiled.errors.has(error.error)) return declared(error);
    throw error;
  }
}
