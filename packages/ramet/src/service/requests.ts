import { type CompiledOperation, saidOf } from '../contract/index.ts';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { declared, type Reply } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import type { Reader, Tx } from '../store/index.ts';

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

/** Claims the key within the transaction of the request. @returns false when somebody was faster */
export async function claimRequest(tx: Tx, id: RequestId): Promise<boolean> {
  const inserted = await tx.run(
    'insert into ramet_requests (operation, principal, key, body_hash, at) values (?, ?, ?, ?, ramet_now()) on conflict do nothing',
    id.operation,
    id.principal,
    id.key,
    id.bodyHash,
  );
  return inserted > 0;
}

export function storeAnswer(tx: Tx, id: RequestId, answer: Reply): void {
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
