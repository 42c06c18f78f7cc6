import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { behaviourOf, type DeclineReason } from './cards.ts';

/** An HTTP answer: a status code and a JSON body. */
export interface Answer {
  readonly status: number;
  readonly body: object;
}

/** What to do with a request once the ledger has decided: answer, perhaps late, or drop the connection. */
export interface Outcome {
  /** Without an answer the connection is dropped. */
  readonly answer?: Answer;
  readonly delayMs?: number;
}

/** A charge as the API shows it. */
export interface Charge {
  readonly chargeId: string;
  readonly reference: string;
  readonly amount: number;
  readonly status: 'captured' | 'refunded' | 'declined';
  readonly reason?: DeclineReason;
  /** How much of it was refunded, while that is a part. */
  readonly refunded?: number;
}

/** A refund as the API shows it. */
export interface Refund {
  readonly refundId: string;
  readonly chargeId: string;
  readonly amount: number;
  readonly status: 'refunded';
}

/** The body of a charge. */
export interface ChargeRequest {
  readonly token: string;
  readonly amount: number;
  readonly reference: string;
}

type Operation = 'token' | 'charge' | 'refund';

interface KeyRow {
  fingerprint: string;
  attempts: number;
  status: number | null;
  body: string | null;
}

interface ChargeRow {
  id: string;
  token: string;
  reference: string;
  amount: number;
  status: Charge['status'];
  reason: DeclineReason | null;
  refunded: number;
}

interface RefundRow {
  id: string;
  charge: string;
  amount: number;
}

const schema = `
  CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, number TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, token TEXT NOT NULL REFERENCES tokens,
    reference TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0), status TEXT NOT NULL, reason TEXT, created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS charges_by_reference ON charges (reference);
  CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, charge TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0), created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS keys (
    operation TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, attempts INTEGER NOT NULL, status INTEGER, body TEXT,
    PRIMARY KEY (operation, key)
  ) STRICT, WITHOUT ROWID;
`;

/** Books of the time when a charge could be refunded only once said so in their table. */
const REFUNDED_ONCE = 'charge TEXT NOT NULL UNIQUE';
const refundsInParts = `
  ALTER TABLE refunds RENAME TO refunds_of_once;
  ${schema}
  INSERT INTO refunds SELECT * FROM refunds_of_once;
  DROP TABLE refunds_of_once;
`;
/** A charge with what was refunded of it. */
const CHARGES = 'SELECT *, (SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge = charges.id) AS refunded FROM charges';

const mismatch: Answer = { status: 422, body: { error: 'idempotency_mismatch' } };
const listLimit = 10_000;

/** The provider's books: tokens, charges, refunds and the answers given under every idempotency key. */
export class Ledger {
  readonly #db: DatabaseSync;
  readonly #now: () => number;

  constructor(dataDir: string, now: () => number) {
    const directory = join(dataDir, 'provider');
    mkdirSync(directory, { recursive: true });
    this.#now = now;
    // The timeout matters while a replaced process still holds the file.
    this.#db = new DatabaseSync(join(directory, 'provider.db'), { timeout: 5_000 });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(schema);
    const refunds = this.#get<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'refunds'");
    if (refunds?.sql.includes(REFUNDED_ONCE)) this.#transaction(() => this.#db.exec(refundsInParts));
    this.#db.exec('CREATE INDEX IF NOT EXISTS refunds_by_charge ON refunds (charge)');
  }

  /** Keeps a card number and gives out a token for it. */
  tokenize(number: string, key: string | undefined): Answer {
    return this.#transaction(() => {
      const known = key === undefined ? undefined : this.#key('token', key);
      if (known && known.fingerprint !== number) return mismatch;
      if (known?.body) return { status: 200, body: JSON.parse(known.body) };
      const token = newId('tok');
      this.#run('INSERT INTO tokens VALUES (?, ?, ?)', token, number, this.#now());
      const answer = { status: 201, body: { token } };
      if (key !== undefined) this.#remember('token', key, number, answer);
      return answer;
    });
  }

  /**
   * Charges a card once per key. Looking up the key, deciding and writing happen in one transaction, so that two
   * requests with one key can never both charge.
   */
  charge(key: string, { token, amount, reference }: ChargeRequest): Outcome {
    return this.#transaction(() => {
      const fingerprint = JSON.stringify([token, amount, reference]);
      const known = this.#key('charge', key);
      if (known && known.fingerprint !== fingerprint) return { answer: mismatch };
      if (known?.body) return { answer: replay(known) };
      const card = this.#get<{ number: string }>('SELECT number FROM tokens WHERE token = ?', token);
      if (!card) return { answer: { status: 422, body: { error: 'unknown_token', field: 'token' } } };

      const behaviour = behaviourOf(card.number);
      if (behaviour.kind === 'drops') return {};
      const attempts = known?.attempts ?? 0;
      if (behaviour.kind === 'unavailable' && attempts < behaviour.attempts) {
        this.#countAttempt('charge', key, fingerprint);
        return { answer: { status: 503, body: { error: 'unavailable' } } };
      }

      const chargeId = newId('ch');
      const reason = behaviour.kind === 'declines' ? behaviour.reason : null;
      const status = reason ? 'declined' : 'captured';
      this.#run(
        'INSERT INTO charges (id, key, token, reference, amount, status, reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[chargeId, key, token, reference, amount, status, reason, this.#now()],
      );
      const answer = reason
        ? { status: 402, body: { error: 'declined', reason, chargeId, status } }
        : { status: 201, body: { chargeId, reference, amount, status } };
      this.#remember('charge', key, fingerprint, answer);
      if (behaviour.kind === 'charges-and-drops') return {};
      return behaviour.kind === 'charges-and-answers-late' ? { answer, delayMs: behaviour.delayMs } : { answer };
    });
  }

  /** Refunds a part of a charge, or whatever of it was not refunded yet, until nothing of it is left. */
  refund(key: string, chargeId: string, amount: number | undefined): Answer {
    return this.#transaction(() => {
      const fingerprint = JSON.stringify([chargeId, amount ?? null]);
      const known = this.#key('refund', key);
      if (known && known.fingerprint !== fingerprint) return mismatch;
      if (known?.body) return replay(known);

      const charge = this.#get<ChargeRow>(`${CHARGES} WHERE id = ?`, chargeId);
      if (!charge) return { status: 404, body: { error: 'not_found' } };
      if (charge.status === 'refunded') {
        const last = this.#get<RefundRow>('SELECT * FROM refunds WHERE charge = ? ORDER BY seq DESC LIMIT 1', chargeId);
        return { status: 409, body: { error: 'already_refunded', refundId: last?.id } };
      }
      if (charge.status !== 'captured') return { status: 409, body: { error: 'not_captured' } };
      const left = charge.amount - charge.refunded;
      if (amount !== undefined && amount > left) return { status: 422, body: { error: 'invalid_amount', field: 'amount' } };
      const part = amount ?? left;
      if (part < charge.amount && !this.#takesParts(charge)) return { status: 422, body: { error: 'no_partial_refunds' } };

      const refundId = newId('re');
      this.#run(
        'INSERT INTO refunds (id, key, charge, amount, created_at) VALUES (?, ?, ?, ?, ?)',
        ...[refundId, key, chargeId, part, this.#now()],
      );
      if (part === left) this.#run("UPDATE charges SET status = 'refunded' WHERE id = ?", chargeId);
      const answer = { status: 201, body: { refundId, chargeId, status: 'refunded' } };
      this.#remember('refund', key, fingerprint, answer);
      return answer;
    });
  }

  /** The charge made under a key. */
  chargeByKey(key: string): Charge | undefined {
    const row = this.#get<ChargeRow>(`${CHARGES} WHERE key = ?`, key);
    return row && shownCharge(row);
  }

  /** The refund made under a key. */
  refundByKey(key: string): Refund | undefined {
    const row = this.#get<RefundRow>('SELECT * FROM refunds WHERE key = ?', key);
    return row && shownRefund(row);
  }

  /** The latest charges, all or those with a reference, newest last. */
  charges(reference?: string): Charge[] {
    const rows =
      reference === undefined
        ? this.#all<ChargeRow>(`${CHARGES} ORDER BY seq DESC LIMIT ?`, listLimit)
        : this.#all<ChargeRow>(`${CHARGES} WHERE reference = ? ORDER BY seq DESC LIMIT ?`, reference, listLimit);
    return rows.reverse().map(shownCharge);
  }

  /** The latest refunds, newest last. */
  refunds(): Refund[] {
    return this.#all<RefundRow>('SELECT * FROM refunds ORDER BY seq DESC LIMIT ?', listLimit).reverse().map(shownRefund);
  }

  /** Closes the database. */
  close(): void {
    this.#db.close();
  }

  #takesParts({ token }: ChargeRow): boolean {
    const card = this.#get<{ number: string }>('SELECT number FROM tokens WHERE token = ?', token);
    return behaviourOf(card?.number ?? '').kind !== 'no-partial-refunds';
  }

  #key(operation: Operation, key: string): KeyRow | undefined {
    return this.#get<KeyRow>('SELECT * FROM keys WHERE operation = ? AND key = ?', operation, key);
  }

  #remember(operation: Operation, key: string, fingerprint: string, answer: Answer): void {
    this.#countAttempt(operation, key, fingerprint);
    const body = JSON.stringify(answer.body);
    this.#run('UPDATE keys SET status = ?, body = ? WHERE operation = ? AND key = ?', answer.status, body, operation, key);
  }

  #countAttempt(operation: Operation, key: string, fingerprint: string): void {
    this.#run(
      `INSERT INTO keys (operation, key, fingerprint, attempts) VALUES (?, ?, ?, 1)
       ON CONFLICT DO UPDATE SET attempts = attempts + 1`,
      ...[operation, key, fingerprint],
    );
  }

  // IMMEDIATE: two processes may share the file for a moment during a restart, and a transaction that begins with a
  // read could not wait for the other one's write.
  #transaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#statement(sql).run(...values);
  }

  #get<Row>(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  #all<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  readonly #statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();

  #statement(sql: string): ReturnType<DatabaseSync['prepare']> {
    const prepared = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

function newId(prefix: string): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`;
}

function replay(known: KeyRow): Answer {
  return { status: known.status ?? 200, body: JSON.parse(known.body ?? '{}') };
}

function shownCharge(row: ChargeRow): Charge {
  const { id: chargeId, reference, amount, status, reason, refunded } = row;
  return { chargeId, reference, amount, status, ...(reason && { reason }), ...(status === 'captured' && refunded > 0 && { refunded }) };
}

function shownRefund(row: RefundRow): Refund {
  return { refundId: row.id, chargeId: row.charge, amount: row.amount, status: 'refunded' };
}
