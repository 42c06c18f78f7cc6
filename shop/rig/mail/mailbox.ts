import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseMessage } from './parse.ts';

/** A message as it was delivered. */
export interface Delivery {
  /** The sender of the envelope, empty for a bounce. */
  readonly from: string;
  /** The recipients of the envelope. */
  readonly to: readonly string[];
  readonly raw: Buffer;
}

/** A stored message as the API shows it. */
export interface StoredMessage {
  readonly id: number;
  readonly messageId: string | null;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly receivedAt: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which messages to list: those for an address, and those with a text in their subject. */
export interface MessageFilter {
  readonly to?: string;
  readonly subject?: string;
}

interface MessageRow {
  id: number;
  message_id: string | null;
  sender: string;
  recipients: string;
  subject: string;
  text: string;
  headers: string;
  received_at: string;
}

const schema = `
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, sender TEXT NOT NULL, recipients TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, headers TEXT NOT NULL, received_at TEXT NOT NULL, raw BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS recipients (
    address TEXT NOT NULL, message INTEGER NOT NULL REFERENCES messages, PRIMARY KEY (address, message)
  ) STRICT, WITHOUT ROWID;
`;

const listLimit = 10_000;

/** All messages that were ever delivered, on disk. */
export class Mailbox {
  readonly #db: DatabaseSync;

  constructor(dataDir: string) {
    const directory = join(dataDir, 'mail');
    mkdirSync(directory, { recursive: true });
    // The timeout matters while a replaced process still holds the file.
    this.#db = new DatabaseSync(join(directory, 'mail.db'), { timeout: 5_000 });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(schema);
  }

  /** Stores a delivery; when this returns it is on disk. A Message-ID that is known already is stored once more. */
  store({ from, to, raw }: Delivery): void {
    const { messageId, subject, text, headers } = parseMessage(raw);
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const { lastInsertRowid } = this.#db
        .prepare(
          `INSERT INTO messages (message_id, sender, recipients, subject, text, headers, received_at, raw)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(messageId, from, JSON.stringify(to), subject, text, JSON.stringify(headers), new Date().toISOString(), raw);
      const recipient = this.#db.prepare('INSERT OR IGNORE INTO recipients (address, message) VALUES (?, ?)');
      for (const address of to) recipient.run(address.toLowerCase(), lastInsertRowid);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The latest messages, oldest first. Addresses are compared without regard to case. */
  messages({ to, subject }: MessageFilter = {}): StoredMessage[] {
    const conditions: string[] = [];
    const values: string[] = [];
    if (to) {
      conditions.push('id IN (SELECT message FROM recipients WHERE address = ?)');
      values.push(to.toLowerCase());
    }
    if (subject) {
      conditions.push('instr(subject, ?) > 0');
      values.push(subject);
    }
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    const rows = this.#db
      .prepare(
        `SELECT id, message_id, sender, recipients, subject, text, headers, received_at
         FROM messages ${where} ORDER BY id DESC LIMIT ${listLimit}`,
      )
      .all(...values) as unknown as MessageRow[];
    return rows.reverse().map(shown);
  }

  /** Closes the database. */
  close(): void {
    this.#db.close();
  }
}

function shown(row: MessageRow): StoredMessage {
  return {
    id: row.id,
    messageId: row.message_id,
    from: row.sender,
    to: JSON.parse(row.recipients),
    subject: row.subject,
    text: row.text,
    receivedAt: row.received_at,
    headers: JSON.parse(row.headers),
  };
}
