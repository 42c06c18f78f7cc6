import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { language } from './language.ts';

test('finds nothing in plain English, in names and quoted code, and where a list still allows it', () => {
  expect(found(language, 'language', 'right')).toEqual([]);
});

test('names each expression, each long sentence, and each entry of a list that allows more than there is', () => {
  expect(found(language, 'language', 'wrong')).toEqual([
    'README.md:4  language  "told" is not plain English (write "notified", "reported" or, of documents, "says")',
    'README.md:3  language  "Who" is not plain English (write the noun: the caller, the process, the client, the owner)',
    'README.md:9  language  "nobody" is not plain English (write "no process", "an operator", "another client": the noun that is meant)',
    'README.md:4  language  "goes on" is not plain English (write "continue")',
    'README.md:7  language  42 words in one sentence: "This sentence is far too long, for it says one thing, and th…" (write sentences of at most 40 words)',
    'shop/a.ts:6  language  "whoever" is not plain English (write the noun: the caller, the process, the client, the owner)',
    'shop/a.ts:2  language  "put down" is not plain English (write "released")',
    'shop/a.ts:6  language  "is away" is not plain English (write "is unavailable")',
    'shop/a.ts:3  language  "is no " is not plain English (write "is not a …")',
    'shop/a.ts:6  language  "asks for" is not plain English (write "requests" or "looks up")',
    'shop/a.ts:3  language  "his" is not plain English (write "it" of a program, "they" of a person, or the noun)',
    'shop/a.tsx:1  language  "stands still" is not plain English (write "is halted at")',
    'shop/a.tsx:1  language  "Thus" is not plain English (write "so")',
    'tools/checks/language/shop.json:1  language  shop/fewer.ts has only 1 findings left, not 2 (run npm run language -- --write)',
    'shop/more.ts:1  language  "told" is not plain English (this file may have 1 findings and has 2) (write "notified", "reported" or, of documents, "says")',
    'shop/more.ts:1  language  "He" is not plain English (this file may have 1 findings and has 2) (write "it" of a program, "they" of a person, or the noun)',
    'tools/checks/language/shop.json:1  language  shop/gone.ts has no findings left (run npm run language -- --write)',
    'tools/checks/language/shop.json:1  language  shop/none.ts has no findings left (run npm run language -- --write)',
  ]);
});
