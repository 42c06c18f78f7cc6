import { type CompiledOperation, canonicalInput } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import { DAY, type Platform } from '../../platform/index.ts';
import { declared, type Reply } from '../../rpc/index.ts';
import { type Caller, principalOf } from '../../security/index.ts';
import { mayBeForgotten, NoRowChanged, type Reader, type Store, type Tx, type WriteOptions } from '../../store/index.ts';
import { REQUESTS_KEPT } from '../tables.ts';

/** A client's request: its operation, its principal, and the key under which the client may repeat it. */
export interface RequestId {
  readonly operation: string;
  readonly principal: string;
  /** The principal as versions before issuers wrote it; such rows exist for at most a day after an upgrade. */
  readonly formerPrincipal?: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly isAnonymous: boolean;
  /** How long the answer is kept, in milliseconds. */
  readonly keepMs: number;
}

/**
 * Identifies a request. Anonymous clients share one principal, so the client is part of the hashed body: a key belongs to the
 * client that used it first, and the same key of another client is refused. Running it again could have a second effect for
 * a client whose address changed, and answering it would give one client's answer to another.
 */
export function requestId(platform: Platform, compiled: CompiledOperation, caller: Caller, key: string, input: unknown): RequestId {
  // The canonical form, because a deployment between a request and its repetition may add fields with defaults.
  const body = canonicalInput(compiled.input.jsonSchema, input);
  return {
    operation: compiled.fullName,
    principal: principalOf(caller),
    ...(caller.issuer === undefined ? {} : { formerPrincipal: `${caller.kind}:${caller.subject}` }),
    key,
    isAnonymous: caller.kind === 'anonymous',
    keepMs: caller.kind === 'service' ? REQUESTS_KEPT.sentKeysMs : REQUESTS_KEPT.clientKeysMs,
    bodyHash: platform.crypto.sha256(caller.client === undefined ? body : `${caller.client}\n${body}`),
  };
}

/**
 * Looks up the earlier answer to a request. A key belongs to one principal and one operation, so a client never reads the answer
 * of another one.
 * @throws RametError IdempotencyKeyReused when the key was used with another body
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
      'the key was used before issuers were stored, so its answer may belong to another user; use a new key',
    );
  if (!row) return undefined;
  if (row.body_hash !== id.bodyHash)
    throw new RametError(
      'IdempotencyKeyReused',
      id.isAnonymous ? 'the key was used with another body or by another client; use a new key' : undefined,
    );
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
 * Refuses a request with an unknown key, if it is so old that its answer may have been deleted.
 * @param ageMs how long ago the request was made first, if the sender says so
 * @throws RametError DedupHorizon
 */
export async function refuseForgotten(tx: Tx, { operation }: RequestId, ageMs: number | undefined): Promise<void> {
  if (await mayBeForgotten(tx, 'requests', ageMs))
    throw new RametError(
      'DedupHorizon',
      `${operation} was sent first ${Math.floor((ageMs as number) / DAY)} days ago, and keys of that age may have been deleted; it is not run, because it may have run already`,
    );
}

/** Notes the key of a request whose work continues after the transaction. @returns false if the key was known */
export async function noteRequest(tx: Tx, id: RequestId): Promise<boolean> {
  return (await tx.run(...claim(id))) > 0;
}

/**
 * Answers a request once. `work` runs in a transaction that claims the key. If another transaction has claimed it first, this one
 * is rolled back, and the answer is the other one's.
 * @param ageMs how long ago the request was made first, if the sender says so
 * @throws RametError IdempotencyKeyReused when the key was used with another body; ConcurrencyConflict, DedupHorizon
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
    throw new RametError('ConcurrencyConflict', 'the same request is under way; repeat it later');
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
 * Runs `work` in a savepoint. A declared failure undoes what `work` wrote and becomes the answer; any other error is thrown and
 * undoes the whole transaction.
 */
export async function answerOf(tx: Tx, compiled: CompiledOperation, work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await tx.savepoint(work);
  } catch (error) {
    if (error instanceof DeclaredError && compiled.errors.has(error.error)) return declared(error);
    throw error;
  }
}
