import { audio } from './products/audio.ts';
import { bags } from './products/bags.ts';
import { bath } from './products/bath.ts';
import { books } from './products/books.ts';
import type { SeedProduct } from './products/category.ts';
import { garden } from './products/garden.ts';
import { kitchen } from './products/kitchen.ts';
import { lighting } from './products/lighting.ts';
import { office } from './products/office.ts';
import { sports } from './products/sports.ts';
import { tools } from './products/tools.ts';
import { toys } from './products/toys.ts';
import { travel } from './products/travel.ts';

export type { SeedProduct } from './products/category.ts';

/** The products the shop starts with. */
export const products: readonly SeedProduct[] = [
  ...[...kitchen, ...garden, ...books, ...audio, ...lighting, ...toys],
  ...[...office, ...sports, ...bags, ...tools, ...bath, ...travel],
];
