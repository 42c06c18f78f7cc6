import { type CompiledOperation, canonicalInput } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import { DAY, type Platform } from '../../platform/index.ts';
import { declared, type Reply } from '../../rpc/index.ts';
import { type Caller, principalOf } from '../../security/index.ts';
import { mayBeForgotten, NoRowChanged, type Reader, type Store, type Tx, type WriteOptions } from '../../store/index.ts';
import { REQUESTS_KEPT } from '../tables.ts';

/** A client's request: what it asks for, who asks, and the key under which it may be repeated. */
export interface RequestId {
  readonly operation: string;
  readonly principal: string;
  /** The principal of the same request before callers had an issuer, whose rows may be there for another day. */
  readonly formerPrincipal?: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly isAnonymous: boolean;
  /** How long the answer is kept, in milliseconds. */
  readonly keepMs: number;
}

/**
 * Anonymous clients share one principal, and a key of theirs belongs to the client that used it first: the client is a part of what
 * was said, so that the same key from another one is refused as a key of another request. To run it again could be a second effect
 * of a client whose address changed, and to answer it would give one client's answer to another.
 */
export function requestId(platform: Platform, compiled: CompiledOperation, caller: Caller, key: string, input: unknown): RequestId {
  // What was said, not what the contract of today makes of it: a deployment between a request and its repetition may add to that.
  const said = canonicalInput(compiled.input.jsonSchema, input);
  return {
    operation: compiled.fullName,
    principal: principalOf(caller),
    ...(caller.issuer === undefined ? {} : { formerPrincipal: `${caller.kind}:${caller.subject}` }),
    key,
    isAnonymous: caller.kind === 'anonymous',
    keepMs: caller.kind === 'service' ? REQUESTS_KEPT.sentKeysMs : REQUESTS_KEPT.clientKeysMs,
    bodyHash: platform.crypto.sha256(caller.client === undefined ? said : `${caller.client}\n${said}`),
  };
}

/**
 * The answer given to this request before, if there was one. The key belongs to one principal and one operation: nobody
 * reads another's answer with it.
 * @throws RametError IdempotencyKeyReused when the key came with another body
 */
export async function earlierAnswer(reader: Reader | Tx, id: RequestId): Promise<{ answer: Reply | undefined } | undefined> {
  const rows = await reader.all<{ principal: string; body_hash: string; answer: string | null }>(
    'select principal, body_hash, answer from ramet_requests where operation = ? and principal in (?, ?) and key = ?',
    id.operation,
    id.principal,
    id.formerPrincipal ?? id.principal,
    id.key,
  );
  const row = rows.find(({ principal }) => principal === id.principal);
  if (!row && rows.length > 0)
    throw new RametError(
      'IdempotencyKeyReused',
      'the key was used before the issuer of its user was kept, so that its answer may be that of another user',
    );
  if (!row) return undefined;
  if (row.body_hash !== id.bodyHash)
    throw new RametError('IdempotencyKeyReused', id.isAnonymous ? 'the key came with another body, or from another client' : undefined);
  return { answer: row.answer === null ? undefined : (JSON.parse(row.answer) as Reply) };
}

const COLUMNS = 'operation, principal, key, body_hash, at, keep_until';
const CLAIM = `insert into ramet_requests (${COLUMNS}) values (?, ?, ?, ?, ramet_now(), ramet_now() + ?) on conflict do nothing`;
const CLAIM_UNLESS_FORMER = `insert into ramet_requests (${COLUMNS}) select ?, ?, ?, ?, ramet_now(), ramet_now() + ?
  where not exists (select 1 from ramet_requests where operation = ? and principal = ? and key = ?) on conflict do nothing`;

const claim = ({
  operation,
  principal,
  formerPrincipal,
  key,
  bodyHash,
  keepMs,
}: RequestId): [sql: string, ...params: (string | number)[]] =>
  formerPrincipal === undefined
    ? [CLAIM, operation, principal, key, bodyHash, keepMs]
    : [CLAIM_UNLESS_FORMER, operation, principal, key, bodyHash, keepMs, operation, formerPrincipal, key];

/**
 * Refuses a request whose key is not known here, when it was made so long ago that its answer may have been deleted since.
 * @param ageMs how long ago it was made first, where the sender says so
 * @throws RametError DedupHorizon
 */
export async function refuseForgotten(tx: Tx, { operation }: RequestId, ageMs: number | undefined): Promise<void> {
  if (await mayBeForgotten(tx, 'requests', ageMs))
    throw new RametError(
      'DedupHorizon',
      `${operation} was sent first ${Math.floor((ageMs as number) / DAY)} days ago, and keys from then may have been deleted: it is not run, because it may have been`,
    );
}

/** Notes the key of a request that goes on by itself. @returns false when it was known */
export async function noteRequest(tx: Tx, id: RequestId): Promise<boolean> {
  return (await tx.run(...claim(id))) > 0;
}

/**
 * Answers a request once: `work` runs in a transaction that claims the key, and comes to nothing where somebody was faster,
 * whose answer is then this one.
 * @param ageMs how long ago the request was made first, where the sender says so
 * @throws RametError IdempotencyKeyReused when the key came with another body; ConcurrencyConflict, DedupHorizon
 */
export async function answeredOnce(
  store: Store,
  id: RequestId,
  options: WriteOptions,
  ageMs: number | undefined,
  work: (tx: Tx) => Promise<Reply>,
): Promise<Reply> {
  try {
    return await store.write(async (tx) => {
      tx.expectRow(...claim(id));
      await refuseForgotten(tx, id, ageMs);
      const answer = await work(tx);
      storeAnswer(tx, id, answer);
      return answer;
    }, options);
  } catch (error) {
    if (!(error instanceof NoRowChanged)) throw error;
    const other = await earlierAnswer(store.reader, id);
    if (other?.answer) return other.answer;
    throw new RametError('ConcurrencyConflict', 'the same request is under way');
  }
}

function storeAnswer(tx: Tx, id: RequestId, answer: Reply): void {
  tx.defer(
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
