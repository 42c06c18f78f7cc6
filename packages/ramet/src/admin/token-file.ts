import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Reads the token of a file that only its owner can read, and that belongs to the user of this process. @returns undefined otherwise */
export function tokenIn(file: string): string | undefined {
  try {
    const found = lstatSync(file);
    if (!found.isFile() || (found.mode & 0o077) !== 0 || found.uid !== (process.getuid?.() ?? found.uid)) return undefined;
    return /^[\w-]{43}$/.exec(readFileSync(file, 'utf8').trim())?.[0];
  } catch {
    return undefined;
  }
}

/** Writes a token that only the user of this process can read. */
export function writeToken(file: string, token: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${token}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
}
