import { z } from 'zod';

/** The words of a text as they are compared: without case, accents and punctuation. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** All words of a product in one line, each after a blank, so that `% word%` finds the beginnings of words and nothing inside them. */
export function searchLine(product: { name: string; category: string; description: string }): string {
  return ` ${wordsOf(`${product.name} ${product.category} ${product.description}`).join(' ')}`;
}

/** The last product of a page: the next page begins after it. */
export interface Position {
  readonly name: string;
  readonly sku: string;
}

const Cursor = z.tuple([z.string(), z.string()]);

export function cursorOf({ name, sku }: Position): string {
  return Buffer.from(JSON.stringify([name, sku])).toString('base64url');
}

/** @returns undefined for what {@link cursorOf} never made */
export function positionOf(cursor: string): Position | undefined {
  try {
    const [name, sku] = Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { name, sku };
  } catch {
    return undefined;
  }
}
