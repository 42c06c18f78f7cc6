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

const blocks: Drawing = ({ main, dark, light, accent, pale }) => [
  rect(104, 222, 90, 86, 12, main),
  rect(204, 222, 90, 86, 12, accent),
  rect(152, 132, 90, 86, 12, light),
  area('M197 58l48 70h-96z', dark),
  circle(149, 265, 24, pale),
  area('M249 240l26 48h-52z', pale),
  rect(178, 156, 38, 38, 6, pale),
];

const arches: Drawing = ({ main, dark, light, accent }) => [
  ...[main, accent, light, dark].map((colour, index) => {
    const radius = 112 - index * 28;
    return line(`M${200 - radius} 308v-16a${radius} ${radius} 0 0 1 ${radius * 2} 0v16`, colour, 25);
  }),
  circle(200, 296, 12, gold),
  ...[circle(96, 120, 20, gold), line('M96 88v-12M96 164v-12M64 120H52M140 120h-12', gold, 6)],
];

function plush({ main, dark, light, pale }: Palette, ...ears: string[]): string[] {
  return [
    ellipse(142, 262, 24, 34, dark),
    ellipse(258, 262, 24, 34, dark),
    ellipse(200, 258, 68, 52, main),
    ellipse(200, 266, 42, 36, light),
    ellipse(156, 298, 30, 16, dark),
    ellipse(244, 298, 30, 16, dark),
    ...ears,
    circle(200, 160, 68, main),
    ellipse(200, 184, 34, 26, pale),
    ellipse(200, 173, 13, 9, ink),
    line('M200 182v10m-14 2c6 8 22 8 28 0', ink, 4),
    circle(174, 148, 7, ink),
    circle(226, 148, 7, ink),
  ];
}

const bear: Drawing = (colours) =>
  plush(
    colours,
    ...[circle(144, 108, 29, colours.main), circle(256, 108, 29, colours.main)],
    ...[circle(144, 108, 15, colours.light), circle(256, 108, 15, colours.light)],
  );

const fox: Drawing = (colours) => [
  line('M262 280c70 10 84-50 60-88', colours.main, 36),
  line('M330 214c0-10-2-16-6-24', colours.pale, 30),
  ...plush(
    colours,
    area('M134 152l4-96 66 48zm132 0l-4-96-66 48z', colours.main),
    area('M146 126l4-46 34 26zm108 0l-4-46-34 26z', colours.dark),
  ),
];

const rabbit: Drawing = (colours) =>
  plush(
    colours,
    turned(-10, ellipse(170, 76, 22, 62, colours.main), ellipse(170, 78, 11, 46, colours.light)),
    turned(14, ellipse(222, 76, 22, 62, colours.main), ellipse(222, 78, 11, 46, colours.light)),
  );

const wheel = (x: number, y: number, radius: number, hub: string) => [circle(x, y, radius, ink), circle(x, y, radius / 2, hub)];

const car: Drawing = ({ main, dark, light, accent, pale }) => [
  area('M66 270v-34c0-16 14-24 32-28l30-6 34-42c8-8 16-12 26-12h52c14 0 24 4 32 14l32 40c22 4 36 16 36 36v32z', main),
  area('M148 202l28-34c4-4 8-6 14-6h10v40zm66-40h24c8 0 14 2 18 8l24 32h-66z', pale),
  rect(66, 252, 274, 26, 10, dark),
  rect(58, 238, 26, 16, 8, accent),
  rect(322, 238, 24, 16, 8, gold),
  circle(206, 232, 17, pale),
  ...wheel(128, 274, 34, light),
  ...wheel(272, 274, 34, light),
];

const truck: Drawing = ({ main, dark, light, accent, pale }) => [
  area('M60 170h156l-14 84H84z', accent),
  line('M86 186l8 52M122 186l4 52M158 186v52', pale, 6),
  area('M226 166h62l42 50v54H226z', main),
  area('M244 184h36l28 34h-64z', pale),
  rect(70, 250, 266, 26, 8, dark),
  rect(318, 232, 18, 14, 6, gold),
  ...wheel(124, 276, 32, light),
  ...wheel(274, 276, 32, light),
];

const fireEngine: Drawing = ({ pale }) => [
  line('M92 132L300 96M98 156L304 120', steel, 8),
  line('M130 128l6 24M170 121l6 24M210 114l6 24M250 107l6 24', steel, 6),
  rect(60, 172, 166, 92, 10, '#d9493f'),
  rect(80, 190, 126, 34, 6, '#b5352e'),
  line('M112 190v34M144 190v34M176 190v34', '#d9493f', 6),
  area('M226 146h64a14 14 0 0 1 12 8l34 62v54H226z', '#d9493f'),
  area('M244 164h42l26 50h-68z', pale),
  rect(244, 124, 36, 22, 10, '#5aa7d6'),
  rect(56, 248, 284, 22, 8, '#f3ece0'),
  rect(322, 230, 18, 14, 6, gold),
  ...wheel(124, 276, 32, steel),
  ...wheel(276, 276, 32, steel),
];

const train: Drawing = ({ main, dark, light, accent, pale }) => [
  faded(0.8, circle(262, 100, 18, '#fff'), circle(290, 78, 24, '#fff'), circle(326, 60, 17, '#fff')),
  area('M240 190v-40h-12l-6-26h56l-6 26h-12v40z', dark),
  rect(150, 180, 146, 76, 36, main),
  rect(196, 180, 14, 76, 0, light),
  rect(84, 132, 90, 124, 10, main),
  rect(102, 156, 52, 46, 8, pale),
  rect(72, 116, 114, 20, 10, accent),
  rect(80, 246, 222, 26, 8, dark),
  area('M300 250l38 52h-42z', accent),
  ...wheel(118, 276, 32, light),
  ...wheel(198, 284, 24, light),
  ...wheel(260, 284, 24, light),
];

const puzzle: Drawing = ({ main, dark, light, accent }) => [
  area('M92 200h60c-18-42 62-42 44 0h60v56c42-18 42 62 0 44v8H92v-34c34 16 34-56 0-40z', main),
  faded(0.35, area('M92 290h164v18H92z', dark)),
  turned(
    14,
    area('M196 62h100v34c36-14 36 54 0 40v36h-34c14-36-54-36-40 0h-26v-34c-36 14-36-54 0-40z', accent),
    faded(0.4, area('M196 62h100v12H196z', '#fff')),
  ),
  line('M112 220h26', light, 8),
];

const die = (x: number, y: number, size: number, turn: number, fill: string, pips: readonly (readonly [number, number])[], pip: string) =>
  `<g transform="translate(${x} ${y}) rotate(${turn})">${rect(-size, -size, size * 2, size * 2, size / 3, fill)}${pips
    .map(([dx, dy]) => circle(dx * size, dy * size, size / 6, pip))
    .join('')}</g>`;

const corners = [
  [-0.5, -0.5],
  [0.5, -0.5],
  [-0.5, 0.5],
  [0.5, 0.5],
] as const;

const dice: Drawing = ({ main, dark, light, pale }) => [
  die(150, 226, 70, -12, main, [...corners, [0, 0]], pale),
  die(
    266,
    148,
    54,
    18,
    dark,
    [
      [-0.5, -0.5],
      [0, 0],
      [0.5, 0.5],
    ],
    pale,
  ),
  die(280, 272, 34, 6, light, corners, dark),
];

const cards: Drawing = ({ main, dark, accent, pale }) => [
  turned(-18, rect(110, 110, 130, 190, 16, dark), ring(175, 205, 34, pale, 8)),
  turned(2, rect(134, 102, 130, 194, 16, accent), circle(199, 199, 34, pale)),
  turned(
    20,
    rect(160, 100, 130, 190, 16, paper),
    area('M225 250c-60-40-50-86-22-86 12 0 20 8 22 18 2-10 10-18 22-18 28 0 38 46-22 86z', main),
    circle(180, 120, 8, main),
    circle(270, 270, 8, main),
  ),
];

const kite: Drawing = ({ main, dark, light, accent }) => [
  area('M230 50l-92 96 92-10z', main),
  area('M230 50l84 76-84 10z', light),
  area('M138 146l92-10-28 156z', accent),
  area('M314 126l-84 10-28 156z', dark),
  line('M230 50l-28 242M138 146l176-20', '#fff', 4),
  line('M202 292c-30 20-60-16-84 6s-10 50-40 60', ink, 5),
  area('M150 276l22 18-26 12zm-44 42l28 2-18 22z', main),
  faded(0.75, ellipse(80, 110, 40, 15, '#fff'), ellipse(336, 226, 34, 13, '#fff')),
];

const rocket: Drawing = ({ main, dark, light, accent, pale }) => [
  area('M182 280h36l-18 66z', gold),
  area('M190 280h20l-10 38z', paper),
  area('M156 206c-38 14-48 46-44 92 20-22 34-28 56-30zm88 0c38 14 48 46 44 92-20-22-34-28-56-30z', main),
  area('M200 48c58 50 68 136 40 226h-80c-28-90-18-176 40-226z', pale),
  area('M200 48c24 20 40 46 48 76h-96c8-30 24-56 48-76z', main),
  circle(200, 172, 28, dark),
  circle(200, 172, 19, light),
  rect(158, 264, 84, 20, 8, dark),
  line('M168 234h64', accent, 9),
];

const top: Drawing = ({ main, dark, light, accent }) => [
  rect(190, 72, 20, 84, 10, bark),
  rect(178, 66, 44, 18, 9, wood),
  area('M92 176h216c0 44-62 96-100 132h-16c-38-36-100-88-100-132z', main),
  area('M108 214h184c-8 18-20 34-34 50H142c-14-16-26-32-34-50z', accent),
  ellipse(200, 176, 108, 28, dark),
  ellipse(200, 172, 78, 17, light),
  rect(190, 150, 20, 24, 0, bark),
  shine('M118 206c4 10 8 18 14 26'),
  faded(0.5, line('M64 216c-6 20-2 38 10 54M336 216c6 20 2 38-10 54', dark, 6)),
];

const juggling: Drawing = ({ main, dark, light, accent }) => [
  ...(
    [
      [200, 118, accent],
      [140, 252, main],
      [262, 252, light],
    ] as const
  ).flatMap(([x, y, colour]) => [
    circle(x, y, 54, colour),
    line(`M${x - 38} ${y - 38}c26 22 26 54 0 76M${x + 38} ${y - 38}c-26 22-26 54 0 76`, dark, 5),
  ]),
  shine('M180 84c8-6 14-8 22-8'),
];

/** Drawings of toys. */
export const toys: readonly Choice[] = [
  [/blocks|tiles|cubes/i, blocks],
  [/arches/i, arches],
  [/bear/i, bear],
  [/fox/i, fox],
  [/rabbit/i, rabbit],
  [/train/i, train],
  [/racing car/i, car],
  [/fire engine/i, fireEngine],
  [/truck/i, truck],
  [/puzzle/i, puzzle],
  [/card game/i, cards],
  [/game/i, dice],
  [/kite/i, kite],
  [/rocket/i, rocket],
  [/juggling/i, juggling],
  [/./, top],
];
