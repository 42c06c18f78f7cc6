import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Check } from './check.ts';

const CHUNK_BYTES = 8 * 1024 * 1024;
/** Longer than any number with its separators: nothing is missed where two chunks meet. */
const OVERLAP_BYTES = 64;
/** Digits as they are stored, and in groups as people write them. */
const DIGITS = /\d{12,}|\d{4}(?:[ -]\d{4}){2,3}/g;

export const cardNumbers: Check = {
  name: 'card numbers are nowhere but at the provider',
  *violations({ dataDir, engines, history, lives }) {
    const numbers = new Set([...history.placements, ...history.preorders].map(({ body }) => body.card.number));
    const files = filesUnder(dataDir)
      .filter((file) => relative(dataDir, file).split(sep)[0] !== 'provider')
      .concat(engines.flatMap(filesUnder))
      .concat(lives.flatMap(({ logFiles }) => logFiles));
    for (const file of files)
      for (const number of cardsIn(file, numbers)) yield `${file} has the card number ${number.slice(0, 4)}…${number.slice(-4)}`;
  },
};

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((file) => statSync(file).isFile());
}

function cardsIn(file: string, numbers: ReadonlySet<string>): Set<string> {
  const lengths = new Set([...numbers].map(({ length }) => length));
  const found = new Set<string>();
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    let tail = '';
    for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) {
      const text = tail + buffer.toString('latin1', 0, bytes);
      for (const [run] of text.matchAll(DIGITS)) {
        const digits = run.replace(/\D/g, '');
        for (const length of lengths)
          for (let start = 0; start + length <= digits.length; start++) {
            const part = digits.slice(start, start + length);
            if (numbers.has(part)) found.add(part);
          }
      }
      tail = text.slice(-OVERLAP_BYTES);
    }
  } finally {
    closeSync(descriptor);
  }
  return found;
}
