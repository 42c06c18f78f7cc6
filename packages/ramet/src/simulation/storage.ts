import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Platform } from '../platform/index.ts';
import type { Store, StoreFactory } from '../store/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import type { Incarnation } from './process.ts';

const MEMORY_FILES = '/dev/shm';
const PAGES_MAX = 1_073_741_823;

const prefixOf = (pid: number) => join(existsSync(MEMORY_FILES) ? MEMORY_FILES : tmpdir(), `ramet-simulation-${pid}-`);

/** Removes what an earlier process left that was killed without a handler. */
export function removeShelvesOf(pid: number): void {
  const prefix = prefixOf(pid);
  for (const name of readdirSync(dirname(prefix)))
    if (name.startsWith(basename(prefix))) rmSync(join(dirname(prefix), name), { recursive: true, force: true });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The folder for the disks of a simulation, in memory where the operating system offers that. It is deleted by `remove`, and when the
 * process ends or receives a signal that it can handle.
 */
export class Shelf {
  readonly #folder = mkdtempSync(prefixOf(process.pid));
  readonly #onExit = () => rmSync(this.#folder, { recursive: true, force: true });
  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.remove();
    // Another listener decides what happens to the process; without one it ends as if there were no listener.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  constructor() {
    process.on('exit', this.#onExit);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  disk(): Disk {
    return new Disk(mkdtempSync(join(this.#folder, 'disk-')));
  }

  remove(): void {
    process.off('exit', this.#onExit);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    this.#onExit();
  }
}

/** The databases of one run, in one folder. */
export class Disk {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes this disk a copy of another one, on which nothing is open. */
  copyOf(other: Disk): void {
    cpSync(other.folder, this.folder, { recursive: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Makes the stores of one incarnation on this disk: real SQLite, whose connections the simulation can cut. */
  stores(of: Incarnation): StoreFactory {
    return sqlite(this.folder, {
      exclusive: false,
      onOpen(db, { service, readOnly }) {
        db.exec('pragma synchronous = off; pragma busy_timeout = 0');
        withSimulatedTime(db, of.platform);
        of.connections.push(db);
        if (!readOnly) of.writers.set(service, db);
      },
    });
  }

  /** Opens a store apart from all processes, for reading. */
  open(service: string, platform: Platform): Promise<Store> {
    const fatal = (error: unknown) => {
      throw error;
    };
    return sqlite(this.folder, { exclusive: false }).open(service, { platform, onWarning: () => {}, onFatal: fatal });
  }
}

/** Stops a store from growing, as a full disk does: statements fail with SQLite's own error. */
export function fill(db: DatabaseSync): void {
  const { page_count: pages } = db.prepare('pragma page_count').get() as { page_count: number };
  db.exec(`pragma max_page_count = ${pages}`);
}

/** Lets a store grow again. */
export const makeRoom = (db: DatabaseSync): void => db.exec(`pragma max_page_count = ${PAGES_MAX}`);

/** Replaces SQLite's own clock and chance, which handlers may use in their statements, with those of the simulation. */
function withSimulatedTime(db: DatabaseSync, platform: Platform): void {
  const iso = () => new Date(platform.clock.wallNow()).toISOString();
  db.function('random', () => Math.floor((platform.random.next() - 0.5) * Number.MAX_SAFE_INTEGER));
  db.function('unixepoch', { varargs: true }, () => Math.floor(platform.clock.wallNow() / 1_000));
  db.function('datetime', { varargs: true }, () => iso().slice(0, 19).replace('T', ' '));
  db.function('current_timestamp', () => iso().slice(0, 19).replace('T', ' '));
}
