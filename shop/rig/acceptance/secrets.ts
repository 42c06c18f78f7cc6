import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CARDS } from '../harness/client.ts';
import type { Suite } from './suite.ts';

/** Comes late in the suite: by then every card has been used, and much has gone wrong. */
export function secrets(suite: Suite): void {
  describe('what no part of the shop may keep', () => {
    test('a card number is nowhere below the data directory but at the provider, and in no log', async () => {
      const { customers, places } = await somethingWentThrough(suite);
      const numbers = Object.values(CARDS).flatMap((number) => [number, number.replaceAll(/(.{4})(?=.)/g, '$1 ')]);
      const found = await search(suite.shop.dataDir, [...numbers, ...customers.map(({ password }) => password)]);
      // That the search finds what is there: the provider has them all.
      for (const number of Object.values(CARDS)) expect(found.get(number) ?? []).toContainEqual(expect.stringMatching(/^provider\//));
      for (const [secret, files] of found) {
        expect(`${secret} in ${files.filter((file) => !file.startsWith('provider/'))}`).toBe(`${secret} in `);
      }
      for (const secret of [...numbers, ...customers.map(({ password }) => password), ...customers.map(({ token }) => token)]) {
        expect(suite.shop.output.includes(secret)).toBe(false);
      }
      // Nor the tokens that stand for them, which are as good as cards inside.
      expect(suite.shop.output).not.toMatch(/"tok_[0-9a-f]+"/);
      expect(places).toBeGreaterThan(0);
    });
  });
}

async function somethingWentThrough(suite: Suite) {
  const customers = [await suite.client.customer(), await suite.client.customer()];
  let places = 0;
  for (const number of Object.values(CARDS)) {
    // Refused or not, the number was sent.
    await customers[0]?.place({ lines: [{ sku: suite.product().sku, quantity: 1 }], card: { number } });
    await customers[1]?.place({ lines: [{ sku: 'NO-SUCH', quantity: 1 }], card: { number: `${number} ` } });
    places += 2;
  }
  return { customers, places };
}

/** Which files below a directory hold which of the texts. */
async function search(directory: string, texts: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(texts.map((text) => [text, []]));
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    for (const text of texts) if (bytes.includes(text)) found.get(text)?.push(relative(directory, path));
  }
  return found;
}
