import { expect, test } from 'vitest';
import { audio } from './drawings/audio.ts';
import { bags } from './drawings/bags.ts';
import { bath } from './drawings/bath.ts';
import { books } from './drawings/books.ts';
import { garden } from './drawings/garden.ts';
import { kitchen } from './drawings/kitchen.ts';
import { lighting } from './drawings/lighting.ts';
import { office } from './drawings/office.ts';
import { sports } from './drawings/sports.ts';
import { tools } from './drawings/tools.ts';
import { toys } from './drawings/toys.ts';
import { travel } from './drawings/travel.ts';
import { picture } from './picture.ts';
import { products } from './products.ts';

const drawings = { kitchen, garden, books, audio, lighting, toys, office, sports, bags, tools, bath, travel };

const distinct = (values: readonly string[]) => new Set(values).size;

test('there are 320 products in twelve categories', () => {
  expect(products).toHaveLength(320);
  expect(distinct(products.map((product) => product.category))).toBe(12);
});

test('no two products share a sku, a name or a description', () => {
  for (const field of ['sku', 'name', 'description', 'image'] as const) {
    expect(distinct(products.map((product) => product[field].toLowerCase()))).toBe(320);
  }
});

test('skus, images, prices and stock are sensible', () => {
  for (const product of products) {
    expect(product.sku).toMatch(/^[A-Z]{3}-\d{4}$/);
    expect(product.image).toBe(`/images/${product.sku}.svg`);
    expect(Number.isInteger(product.price) && product.price >= 300 && product.price <= 30_000).toBe(true);
    expect(Number.isInteger(product.stock) && product.stock >= 60 && product.stock <= 5_000).toBe(true);
  }
});

test('a description is one sentence that fits a product card', () => {
  for (const { description } of products) {
    expect(description).toMatch(/^[A-Z].*[.?!]$/);
    expect(description.length).toBeLessThanOrEqual(110);
  }
});

test('every picture is small, well-formed, labelled and without text or scripts', () => {
  for (const product of products) {
    const svg = picture(product);
    expect(Buffer.byteLength(svg)).toBeLessThan(4096);
    expect(malformed(svg)).toBeUndefined();
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 400 400" [^>]*role="img" aria-label="[^"]+">/);
    expect(svg).not.toMatch(/<script|<text|\son\w+=|href|undefined|NaN|null/);
  }
});

test('a picture is the same each time, and the pictures of neighbours differ', () => {
  const pictures = products.map(picture);
  expect(products.map(picture)).toEqual(pictures);
  expect(distinct(pictures)).toBe(320);
  const unlabelled = pictures.map((svg) => svg.replace(/aria-label="[^"]*"/, ''));
  expect(unlabelled.filter((svg, index) => svg === unlabelled[index + 1])).toEqual([]);
});

test('every drawing is used by a product of its category', () => {
  for (const [category, choices] of Object.entries(drawings)) {
    const names = products.filter((product) => product.category === category).map((product) => product.name);
    const used = new Set(names.map((name) => choices.findIndex(([pattern]) => pattern.test(name))));
    expect([...used].sort((one, other) => one - other)).toEqual(choices.map((_, index) => index));
  }
});

test('a name cannot break out of the label', () => {
  const svg = picture({ sku: 'X', name: `"><script>alert('1')</script> & <b>`, category: 'kitchen' });
  expect(malformed(svg)).toBeUndefined();
  expect(svg).toContain('aria-label="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &lt;b&gt;"');
});

test('a product of an unknown category has a picture too', () => {
  const svg = picture({ sku: 'NEW-1', name: 'Something new', category: 'constructor' });
  expect(malformed(svg)).toBeUndefined();
  expect(svg).toContain('<rect');
});

/** The first thing in an XML text that is not well-formed. */
function malformed(xml: string): string | undefined {
  const open: string[] = [];
  let position = 0;
  for (const match of xml.trim().matchAll(/<(\/?)([a-zA-Z]+)((?: [a-zA-Z][\w:-]*="(?:[^"<&]|&(?:amp|lt|gt|quot|#39);)*")*)(\/?)>/g)) {
    const [whole, closes, name = '', attributes = '', empty] = match;
    if (xml.slice(position, match.index) !== '') return `text at ${position}`;
    position = match.index + whole.length;
    const names = [...attributes.matchAll(/ ([\w:-]+)=/g)].map(([, attribute]) => attribute ?? '');
    if (distinct(names) !== names.length) return `an attribute given twice in ${whole}`;
    if (closes && open.pop() !== name) return `a stray ${whole}`;
    if (!closes && !empty) open.push(name);
    if (open.length === 0 && position < xml.trim().length) return `text behind the end at ${position}`;
  }
  return open.length === 0 && position === xml.trim().length ? undefined : `the end is missing: ${open.join(', ')}`;
}
