import { audio } from './drawings/audio.ts';
import { bags } from './drawings/bags.ts';
import { bath } from './drawings/bath.ts';
import { books } from './drawings/books.ts';
import { garden } from './drawings/garden.ts';
import { kitchen } from './drawings/kitchen.ts';
import { lighting } from './drawings/lighting.ts';
import { office } from './drawings/office.ts';
import { area, type Choice, circle, type Drawing, ellipse, faded, type Palette, rect } from './drawings/shapes.ts';
import { sports } from './drawings/sports.ts';
import { tools } from './drawings/tools.ts';
import { toys } from './drawings/toys.ts';
import { travel } from './drawings/travel.ts';

/** What a picture depends on. */
export interface Pictured {
  readonly sku: string;
  readonly name: string;
  readonly category: string;
}

const choices: ReadonlyMap<string, readonly Choice[]> = new Map(
  Object.entries({ kitchen, garden, books, audio, lighting, toys, office, sports, bags, tools, bath, travel }),
);

/** For a product of a category without a drawing. */
const parcel: Drawing = ({ main, dark, light, accent }) => [
  rect(92, 150, 216, 158, 14, main),
  area('M106 104h188l22 56H84z', light),
  rect(182, 104, 36, 204, 0, accent),
  rect(84, 152, 232, 10, 5, dark),
];

// Hue, saturation and lightness of the main colour, then the hues of accent and background. Chosen by eye: hues at
// regular steps give too many greens and a mud between yellow and green.
const schemes = [
  [8, 68, 58, 42, 20],
  [20, 72, 57, 190, 200],
  [38, 76, 55, 350, 215],
  [350, 62, 60, 38, 30],
  [330, 48, 58, 190, 340],
  [285, 34, 56, 40, 280],
  [255, 44, 62, 30, 35],
  [228, 48, 58, 18, 225],
  [212, 58, 52, 38, 40],
  [196, 58, 46, 14, 190],
  [180, 46, 42, 28, 20],
  [162, 40, 42, 345, 160],
  [145, 34, 46, 38, 48],
  [96, 32, 48, 20, 90],
  [14, 42, 48, 176, 170],
  [222, 30, 44, 42, 250],
] as const;

/** Names that speak of a colour, and the scheme that keeps their word. */
const named: readonly (readonly [RegExp, number])[] = [
  [/copper|brass|walnut|chestnut|terracotta|leather|amber|cedar/i, 14],
  [/forest|sage|green|fern|olive|rosemary|pine\b|herb|meadow/i, 12],
  [/oxblood|cherry|tomato/i, 0],
  [/beeswax|ivory|almond|buckthorn|fox/i, 2],
  [/lavender|fig/i, 5],
  [/lagoon|night|queen|moon/i, 7],
  [/charcoal|cast iron|steel|zinc|galvanised|carbon|rubber/i, 15],
  [/rose|sweet pea/i, 4],
];

/**
 * Draws the picture of a product: an SVG of 400 × 400 that is the same each time. The name decides what is drawn,
 * and a hash of the sku in which colours, unless the name speaks of one.
 */
export function picture({ sku, name, category }: Pictured): string {
  const seed = hash(sku);
  const scheme = schemes[named.find(([pattern]) => pattern.test(name))?.[1] ?? seed % schemes.length] ?? schemes[0];
  const [, , , , background] = scheme;
  const drawing = choices.get(category)?.find(([pattern]) => pattern.test(name))?.[1] ?? parcel;
  const id = `b${(seed >>> 0).toString(36)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400" role="img" aria-label="${escaped(name)}">`,
    `<linearGradient id="${id}" x2="0" y2="1"><stop stop-color="hsl(${background} 48% 94%)"/>`,
    `<stop offset="1" stop-color="hsl(${background} 42% 85%)"/></linearGradient>`,
    `<path d="M0 0h400v400H0z" fill="url(#${id})"/>`,
    backdrop(seed >>> 8, background),
    faded(0.14, ellipse(200, 318, 128, 15, '#2b2440')),
    `<g stroke-linecap="round" stroke-linejoin="round">${drawing(palette(scheme)).join('')}</g>`,
    '</svg>\n',
  ].join('');
}

function palette([hue, saturation, lightness, accent]: (typeof schemes)[number]): Palette {
  return {
    main: hsl(hue, saturation, lightness),
    dark: hsl(hue, saturation - 4, lightness - 17),
    light: hsl(hue, saturation, lightness + (98 - lightness) * 0.5),
    pale: hsl(hue, 46, 95),
    // Turquoise shines more than other hues do and would outdo the object.
    accent: accent > 150 && accent < 210 ? hsl(accent, 42, 55) : hsl(accent, 72, 62),
  };
}

function hsl(hue: number, saturation: number, lightness: number): string {
  return `hsl(${hue} ${saturation}% ${Math.round(lightness)}%)`;
}

/** A quiet shape behind the object, so that a page of pictures does not look stamped. */
function backdrop(seed: number, hue: number): string {
  const soft = `hsl(${hue} 55% 97%)`;
  const shapes = [
    circle(200, 196, 148, soft),
    rect(64, 60, 272, 276, 136, soft),
    area('M58 214c-20-88 58-158 144-150 92 8 158 74 142 160-14 82-80 108-154 106-70-2-116-44-132-116z', soft),
    area('M0 262c90-56 160 30 260-14 60-26 100-22 140-2v154H0z', soft),
  ];
  return faded(0.75, shapes[seed % shapes.length] ?? '');
}

/** FNV-1a over the letters, and a step for the number: products that stand next to each other differ in colour. */
function hash(sku: string): number {
  const [, letters = '', digits = ''] = /^(.*?)(\d*)$/s.exec(sku) ?? [];
  let value = 0x811c9dc5;
  for (let index = 0; index < letters.length; index++) value = Math.imul(value ^ letters.charCodeAt(index), 0x01000193);
  return (value + Math.imul(Number(digits) % 1_000_003, 0x9e3779b5)) >>> 0;
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
