import {
  area,
  bark,
  type Choice,
  circle,
  type Drawing,
  ellipse,
  faded,
  gold,
  ink,
  iron,
  leaf,
  line,
  type Palette,
  paper,
  rect,
  ring,
  shine,
  steel,
  turned,
  wood,
} from './shapes.ts';

const tomato = '#e0604f';

const mug: Drawing = ({ main, dark, light }) => [
  line('M268 184h20a38 38 0 0 1 0 76h-24', dark, 18),
  area('M120 150h156v114a44 44 0 0 1-44 44h-68a44 44 0 0 1-44-44z', main),
  area('M120 150h156v20c-20 22-34 4-52 14s-30 16-50 2-36 10-54-4z', light),
  ellipse(198, 150, 78, 17, dark),
  ellipse(198, 153, 64, 10, '#5b3b2b'),
  shine('M144 210v50'),
  faded(0.75, line('M172 120c-14-16 14-24 0-44M222 120c-14-16 14-24 0-44', '#fff', 9)),
];

const kettle: Drawing = ({ main, dark, light }) => [
  line('M286 244c34-6 36-40 50-66', dark, 22),
  line('M128 186c-4-104 148-104 144 0', ink, 14),
  area('M106 308c-14-76 22-138 94-138s108 62 94 138z', main),
  area('M158 178c8-24 76-24 84 0z', dark),
  circle(200, 154, 12, ink),
  rect(102, 292, 196, 16, 8, dark),
  area('M112 250c30 16 146 16 176 0l4 22c-40 14-144 14-184 0z', light),
  shine('M138 226c6-14 14-22 24-28'),
];

const pan: Drawing = ({ main, light }) => [
  line('M254 254l72 72', bark, 26),
  circle(182, 186, 104, ink),
  ring(182, 186, 95, iron, 5),
  circle(182, 186, 82, main),
  area('M140 150c26-30 70-22 88 8s6 66-26 74-38-10-62-22-24-36 0-60z', paper),
  circle(184, 188, 24, gold),
  faded(0.5, circle(177, 181, 8, paper)),
  line('M120 196a64 64 0 0 1 14-50', light, 7),
];

const pot: Drawing = ({ main, dark, light }) => [
  line('M112 214H86v30h26M288 214h26v30h-26', dark, 14),
  rect(108, 178, 184, 130, 30, main),
  area('M102 182c12-46 184-46 196 0z', dark),
  rect(96, 176, 208, 16, 8, light),
  circle(200, 138, 14, ink),
  shine('M136 212v56'),
  faded(0.75, line('M150 116c-12-14 12-20 0-38M250 116c-12-14 12-20 0-38', '#fff', 9)),
];

const knife: Drawing = ({ main, dark, pale }) => [
  turned(
    -38,
    area('M44 182h196v56H128c-44 0-72-24-84-56z', steel),
    area('M60 206h180v32H128c-30 0-54-12-68-32z', '#eef2f6'),
    rect(236, 176, 22, 64, 6, iron),
    rect(256, 184, 112, 42, 18, main),
    rect(256, 208, 112, 18, 9, dark),
    ...[284, 312, 340].map((x) => circle(x, 205, 5, pale)),
  ),
];

const board: Drawing = ({ pale }) => [
  rect(116, 84, 168, 224, 30, wood),
  line('M146 124v148M176 172v110M232 168v114M258 124v148', bark, 3),
  circle(200, 118, 13, pale),
  circle(204, 228, 44, tomato),
  circle(204, 228, 35, '#f3a598'),
  ...[0, 72, 144, 216, 288].map(
    (turn) => `<ellipse cx="204" cy="208" rx="8" ry="11" fill="${tomato}" transform="rotate(${turn} 204 228)"/>`,
  ),
  area('M246 180c24-26 44-22 50-18-2 22-22 34-50 18z', leaf),
];

function bowl({ main, dark, light }: Palette, filling: readonly string[], behind: readonly string[] = []): string[] {
  return [
    ...behind,
    rect(158, 288, 84, 20, 8, dark),
    area('M88 192h224c0 66-44 104-112 104S88 258 88 192z', main),
    area('M93 222h214c-3 12-7 22-12 30H105c-5-8-9-18-12-30z', light),
    ellipse(200, 192, 112, 26, dark),
    ...filling,
  ];
}

const ramen: Drawing = (colours) =>
  bowl(
    colours,
    [
      ellipse(200, 196, 94, 17, '#e3a763'),
      circle(166, 193, 13, paper),
      circle(166, 193, 6, gold),
      line('M194 200c10-10 20 8 32 0s18 4 26-2', '#fbe3b0', 6),
      line('M206 188c10-6 18 4 28-2', leaf, 6),
    ],
    [line('M222 200l78-104M248 200l82-88', bark, 9)],
  );

const salad: Drawing = (colours) =>
  bowl(colours, [
    ...[circle(140, 178, 28, leaf), circle(190, 164, 36, '#7fb58c'), circle(246, 172, 32, leaf), circle(284, 188, 20, '#7fb58c')],
    ...[circle(166, 176, 15, tomato), circle(224, 152, 14, tomato), circle(262, 186, 12, tomato)],
    area('M90 192c30 26 190 26 220 0l2 8c-40 32-184 32-224 0z', colours.dark),
  ]);

const mixingBowls: Drawing = ({ main, dark, light, accent }) => [
  line('M232 150l56-104', wood, 13),
  ...(
    [
      [0, accent],
      [1, light],
      [2, main],
    ] as const
  ).flatMap(([row, colour]) => [
    area(
      `M${124 - row * 18} ${104 + row * 36}h${152 + row * 36}c-4 70-30 132-${76 + row * 18} 132s-${72 + row * 18}-62-${76 + row * 18}-132z`,
      colour,
    ),
    rect(116 - row * 18, 96 + row * 36, 168 + row * 36, 14, 7, row === 2 ? dark : colour),
  ]),
  shine('M112 204c4 14 10 26 18 34'),
];

const mortar: Drawing = ({ main, dark, light }) => [
  turned(24, rect(222, 34, 34, 150, 17, light), rect(214, 28, 50, 40, 20, light)),
  area('M104 178h192c0 56-22 84-44 96l20 34H128l20-34c-22-12-44-40-44-96z', main),
  rect(92, 164, 216, 30, 15, dark),
  line('M138 216c10 20 18 28 30 36', light, 8),
];

const jar: Drawing = ({ main, dark, accent }) => [
  faded(0.75, rect(130, 146, 140, 162, 30, '#fff')),
  area('M138 196h124v82a22 22 0 0 1-22 22h-80a22 22 0 0 1-22-22z', main),
  ...[circle(164, 204, 14, accent), circle(200, 198, 15, accent), circle(236, 206, 13, accent)],
  rect(140, 108, 120, 42, 10, dark),
  rect(134, 142, 132, 10, 5, gold),
  rect(156, 224, 88, 54, 10, paper),
  area('M200 264c-22-6-24-22-20-30 16 2 22 14 20 30zm0 0c22-6 24-22 20-30-16 2-22 14-20 30z', leaf),
  shine('M150 170v90', 8),
];

const frenchPress: Drawing = ({ main, dark, light }) => [
  line('M264 156h34a16 16 0 0 1 16 16v84a16 16 0 0 1-16 16h-34', dark, 15),
  line('M200 116V60', iron, 8),
  circle(200, 56, 16, ink),
  faded(0.8, rect(134, 126, 132, 176, 12, '#fff')),
  rect(142, 198, 116, 100, 6, '#6b4636'),
  rect(142, 186, 116, 14, 4, iron),
  line('M200 122v66', iron, 6),
  rect(124, 102, 152, 30, 12, main),
  ...[rect(128, 140, 144, 12, 6, dark), rect(128, 284, 144, 24, 8, main)],
  line('M144 150v136M256 150v136', light, 7),
];

const rollingPin: Drawing = ({ main, dark, pale }) => [
  faded(0.9, ellipse(200, 300, 128, 18, pale), ellipse(200, 298, 92, 11, paper)),
  turned(
    -32,
    rect(36, 184, 328, 32, 16, main),
    rect(88, 164, 224, 72, 26, wood),
    line('M112 186h170M112 206h120', bark, 4),
    rect(36, 202, 46, 14, 7, dark),
  ),
];

const grater: Drawing = ({ main, dark, light }) => [
  line('M160 100c0-44 80-44 80 0', dark, 15),
  area('M144 104h112l30 176H114z', steel),
  area('M144 104h36l-12 176h-54z', iron),
  rect(136, 92, 128, 20, 10, main),
  ...[0, 1, 2, 3, 4].flatMap((row) => [0, 1, 2].map((column) => ellipse(202 + column * 24 - (row % 2) * 8, 140 + row * 27, 7, 4, ink))),
  rect(92, 276, 216, 32, 14, main),
  line('M114 290h120', light, 6),
];

const utensils: Drawing = ({ main, dark, light, accent }) => [
  line('M170 210V120M234 210l18-84', wood, 12),
  rect(150, 74, 40, 66, 14, accent),
  ...['M200 210v-70', 'M200 140c-26-30-22-74 0-78 22 4 26 48 0 78', 'M200 140c-8-30-8-66 0-78 8 12 8 48 0 78'].map((d) => line(d, iron, 6)),
  `<ellipse cx="260" cy="104" rx="20" ry="32" fill="${wood}" transform="rotate(12 260 104)"/>`,
  area('M130 190h140l-12 118H142z', main),
  area('M133 220h134l-3 30H136z', light),
  rect(122, 184, 156, 20, 10, dark),
  shine('M154 262l3 30'),
];

/** Drawings of kitchen things. */
export const kitchen: readonly Choice[] = [
  [/french press/i, frenchPress],
  [/mug|cup/i, mug],
  [/kettle|teapot/i, kettle],
  [/saucepan|oven|milk pan/i, pot],
  [/skillet|wok/i, pan],
  [/knife/i, knife],
  [/board/i, board],
  [/ramen/i, ramen],
  [/salad/i, salad],
  [/bowls/i, mixingBowls],
  [/mortar/i, mortar],
  [/jar|crock/i, jar],
  [/rolling pin/i, rollingPin],
  [/grater/i, grater],
  [/./, utensils],
];
