import { area, type Choice, circle, type Drawing, faded, gold, line, type Palette, paper, rect, shine, turned } from './shapes.ts';

function volume({ main, dark, pale }: Palette, ...cover: string[]): string[] {
  return [
    turned(
      -5,
      rect(120, 84, 172, 224, 12, dark),
      rect(130, 282, 156, 18, 6, paper),
      line('M132 291h150', '#e6dcc8', 3),
      rect(114, 80, 172, 206, 12, main),
      rect(114, 80, 24, 206, 12, dark),
      rect(160, 106, 104, 11, 5, pale),
      rect(160, 127, 66, 8, 4, pale),
      ...cover,
    ),
  ];
}

const moonBook: Drawing = (colours) =>
  volume(
    colours,
    circle(212, 204, 44, colours.accent),
    circle(230, 192, 38, colours.main),
    ...[circle(238, 166, 4, colours.pale), circle(256, 214, 5, colours.pale), circle(168, 168, 4, colours.pale)],
  );

const hillBook: Drawing = (colours) =>
  volume(
    colours,
    circle(236, 176, 20, colours.accent),
    area('M138 262l46-72 34 46 24-30 44 56v12a12 12 0 0 1-12 12H138z', colours.light),
    area('M138 272c40-30 90-30 148 0v4a10 10 0 0 1-10 10H138z', colours.dark),
  );

const leafBook: Drawing = (colours) =>
  volume(
    colours,
    line('M212 262c0-34 0-60 6-100', colours.pale, 6),
    ...[
      area('M213 232c-34 0-46-24-46-38 28-2 46 14 46 38zm2-34c30-4 40-26 38-42-24 2-40 18-38 42z', colours.accent),
      area('M213 254c34-2 44-26 42-40-26 0-44 16-42 40zm4-72c-22-6-28-24-24-36 20 4 28 18 24 36z', colours.light),
    ],
  );

const waveBook: Drawing = (colours) =>
  volume(
    colours,
    ...[0, 1, 2, 3].map((row) =>
      line(`M152 ${182 + row * 26}q14-18 28 0t28 0 28 0 28 0`, [colours.accent, colours.light, colours.pale, colours.light][row] ?? '', 9),
    ),
  );

const openBook: Drawing = ({ main, dark, accent }) => [
  area('M60 128c52-16 104-10 140 22 36-32 88-38 140-22v164c-50-12-100-8-140 16-40-24-90-28-140-16z', main),
  area('M76 118c44-14 94-8 124 22v152c-34-24-80-28-124-18z', paper),
  area('M324 118c-44-14-94-8-124 22v152c34-24 80-28 124-18z', '#f4ebda'),
  line('M200 142v148', dark, 4),
  faded(0.35, line('M98 152c28-6 54-2 78 12M98 184c28-6 54-2 78 12M98 216c28-6 54-2 78 12M98 248c28-6 54-2 78 12', dark, 6)),
  faded(0.35, line('M224 164c24-14 50-18 78-12M224 196c24-14 50-18 78-12M224 228c24-14 50-18 78-12', dark, 6)),
  area('M262 112l26-4v74l-14-12-12 14z', accent),
];

const bookStack: Drawing = ({ main, dark, light, accent }) => [
  rect(82, 262, 236, 46, 10, main),
  rect(104, 270, 214, 30, 4, paper),
  rect(82, 262, 34, 46, 10, dark),
  rect(104, 214, 200, 46, 10, accent),
  rect(104, 222, 178, 30, 4, paper),
  rect(270, 214, 34, 46, 10, accent),
  rect(92, 166, 196, 46, 10, light),
  rect(114, 174, 174, 30, 4, paper),
  rect(92, 166, 34, 46, 10, main),
  faded(0.4, line('M130 280h180M130 291h180M112 232h150M112 243h150M140 184h140M140 195h140', gold, 3)),
  turned(-9, rect(118, 104, 168, 40, 10, dark), rect(140, 111, 146, 26, 4, paper), rect(118, 104, 30, 40, 10, main)),
  shine('M92 274v20M112 178v20', 5),
];

/** Drawings of books. */
export const books: readonly Choice[] = [
  [/moon|sleep|night|clock|murder|valk/i, moonBook],
  [/bridges|walks|clouds|border|winters/i, hillBook],
  [/garden|orchard|mosses|bread|salt|pot\b/i, leafBook],
  [/tide|radios|systems|knots/i, waveBook],
  [/poems|letters|drawing|cartographer/i, openBook],
  [/./, bookStack],
];
