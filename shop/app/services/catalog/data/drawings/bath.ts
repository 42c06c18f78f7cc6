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
  paper,
  rect,
  ring,
  shine,
  steel,
  turned,
  wood,
} from './shapes.ts';

const bubbles = (...places: readonly (readonly [number, number, number])[]) =>
  places.flatMap(([x, y, radius]) => [faded(0.6, circle(x, y, radius, '#fff')), ring(x, y, radius, '#fff', 3)]);

const towels: Drawing = ({ main, dark, light, accent, pale }) => [
  rect(84, 252, 232, 56, 28, main),
  line('M112 280h176', dark, 5),
  rect(94, 194, 212, 56, 28, accent),
  line('M122 222h156', pale, 5),
  rect(104, 136, 192, 56, 28, light),
  line('M132 164h136', main, 5),
  rect(232, 136, 16, 56, 0, pale),
  rect(240, 252, 18, 56, 0, light),
  ...bubbles([140, 106, 14], [172, 84, 9], [252, 98, 11]),
];

const hangingTowel: Drawing = ({ main, dark, light, pale }) => [
  rect(70, 96, 260, 16, 8, iron),
  circle(74, 104, 16, ink),
  circle(326, 104, 16, ink),
  area('M116 96h150v176H116z', dark),
  area('M132 92h152v206H132z', main),
  rect(132, 236, 152, 12, 0, pale),
  rect(132, 256, 152, 8, 0, light),
  line('M140 300v10M158 300v10M176 300v10M194 300v10M212 300v10M230 300v10M248 300v10M266 300v10M278 300v10', main, 6),
  shine('M152 116v92'),
];

const soap: Drawing = ({ main, dark, light, pale }) => [
  ellipse(200, 288, 132, 20, dark),
  rect(92, 196, 216, 92, 42, main),
  rect(92, 182, 216, 84, 40, light),
  faded(0.6, rect(128, 202, 144, 44, 22, main)),
  line('M168 224c12-14 20 14 32 0s20 14 32 0', pale, 6),
  ...bubbles([128, 148, 20], [170, 118, 13], [262, 138, 24], [226, 92, 10], [300, 172, 12]),
];

const sponge: Drawing = ({ main, dark, light }) => [
  area('M84 236c-12-50 30-84 70-78 24-28 84-26 100 0 46-6 78 40 62 80 4 46-40 76-84 66-30 12-60 8-80-2-46 4-76-26-68-66z', main),
  ...(
    [
      [136, 214, 14],
      [180, 192, 10],
      [222, 226, 17],
      [268, 206, 11],
      [164, 262, 12],
      [256, 270, 13],
      [116, 256, 8],
      [208, 280, 7],
    ] as const
  ).map(([x, y, radius]) => ellipse(x, y, radius, radius * 0.8, dark)),
  line('M104 206c8-18 20-26 38-28', light, 9),
  ...bubbles([150, 120, 18], [196, 96, 11], [250, 116, 15]),
];

const pump: Drawing = ({ main, dark, light }) => [
  line('M200 150v-50h-58v18', ink, 14),
  rect(176, 134, 48, 40, 8, ink),
  area('M136 204c0-22 14-34 34-34h60c20 0 34 12 34 34v78a26 26 0 0 1-26 26h-76a26 26 0 0 1-26-26z', main),
  rect(136, 214, 128, 66, 0, paper),
  area('M200 268c-24-6-28-24-24-36 18 2 26 18 24 36zm0 0c24-6 28-24 24-36-18 2-26 18-24 36z', leaf),
  rect(136, 208, 128, 8, 0, dark),
  line('M152 292h96', light, 6),
  shine('M154 190v10', 8),
];

const flacon: Drawing = ({ main, dark, light, accent }) => [
  rect(170, 76, 60, 52, 10, dark),
  rect(178, 124, 44, 26, 0, light),
  area('M140 200c0-34 24-54 40-54h40c16 0 40 20 40 54v82a26 26 0 0 1-26 26h-68a26 26 0 0 1-26-26z', main),
  rect(156, 206, 88, 70, 12, paper),
  line('M200 266v-40M200 244l-18-12M200 244l18-12M200 256l-18-10M200 256l18-10', leaf, 5),
  circle(200, 220, 7, accent),
  shine('M158 184c2-12 8-20 16-24', 8),
];

const saltJar: Drawing = ({ main, dark, light, accent }) => [
  faded(0.8, rect(118, 132, 164, 176, 36, '#fff')),
  area('M126 190c30-20 110 16 148-4v90a24 24 0 0 1-24 24H150a24 24 0 0 1-24-24z', light),
  ...[148, 176, 204, 232, 256].map((x, index) => circle(x, 214 + (index % 2) * 66, 8, main)),
  rect(142, 94, 116, 44, 16, wood),
  rect(150, 226, 100, 44, 10, paper),
  line('M176 260v-22M200 260v-26M224 260v-22', accent, 7),
  line('M142 116h116', bark, 3),
  shine('M136 168v100', 8),
  rect(118, 132, 164, 10, 5, dark),
];

const brush: Drawing = ({ main, dark, light }) => [
  turned(
    38,
    rect(186, 160, 28, 186, 14, wood),
    circle(200, 330, 5, bark),
    ellipse(214, 104, 62, 78, light),
    ...[50, 70, 90, 110, 130, 150].map((y) => line(`M262 ${y}h26`, light, 7)),
    ellipse(198, 104, 60, 78, main),
    ellipse(192, 104, 42, 58, dark),
    shine('M166 78c6-14 14-22 26-26', 8),
  ),
];

const shavingBrush: Drawing = ({ main, dark }) => [
  area('M144 188c-26-60-6-118 56-118s82 58 56 118z', '#efe0c6'),
  area('M156 188c-12-40-8-76 44-80 52 4 56 40 44 80z', '#d9c3a0'),
  line('M178 176c-4-30-2-60 4-90M200 176V80M222 176c4-30 2-60-4-90', main, 4),
  rect(140, 182, 120, 26, 10, gold),
  area('M154 206h92c-14 26-20 40 6 66 16 16 4 36-20 36h-64c-24 0-36-20-20-36 26-26 20-40 6-66z', main),
  area('M206 206h40c-14 26-20 40 6 66 16 16 4 36-20 36h-20c20-30-16-60-6-102z', dark),
];

const toothbrushes: Drawing = ({ main, dark, light, accent }) => [
  turned(-9, rect(162, 96, 16, 150, 8, wood), rect(156, 62, 18, 44, 6, wood), rect(140, 66, 18, 36, 4, light)),
  turned(8, rect(226, 92, 16, 150, 8, accent), rect(228, 58, 18, 44, 6, accent), rect(244, 62, 18, 36, 4, light)),
  area('M126 184h148l-14 108a18 18 0 0 1-18 16h-84a18 18 0 0 1-18-16z', main),
  area('M132 228h136l-4 30H136z', light),
  rect(118, 178, 164, 20, 10, dark),
  shine('M150 270l2 20'),
];

const razor: Drawing = ({ main, dark, light }) => [
  turned(
    34,
    rect(188, 120, 24, 220, 10, iron),
    rect(184, 206, 32, 134, 12, main),
    line('M188 232h24M188 254h24M188 276h24M188 298h24', dark, 6),
    rect(118, 72, 164, 26, 8, steel),
    rect(128, 92, 144, 16, 4, ink),
    rect(118, 104, 164, 26, 12, iron),
    line('M136 84h90', '#fff', 5),
    circle(200, 328, 5, light),
  ),
];

const duck: Drawing = ({ main, dark }) => [
  area('M92 232c40 16 60-6 62-30 40 26 92 20 140-16 24 70-20 122-108 122-60 0-96-30-94-76z', gold),
  ellipse(148, 222, 54, 44, gold),
  circle(158, 146, 62, gold),
  area('M188 236c34 18 64 8 84-14 2 42-60 58-84 14z', '#d89d33'),
  area('M104 150c-30-6-46 6-46 18 16 12 40 12 52 0z', '#e9793f'),
  circle(140, 130, 8, ink),
  circle(143, 127, 3, '#fff'),
  area('M110 100c10-40 86-44 100 0z', main),
  rect(98, 94, 124, 13, 6, dark),
  circle(160, 78, 7, gold),
  line('M50 304q25-20 50 0t50 0 50 0 50 0 50 0 50 0', '#7cc0e4', 10),
];

const bathtub: Drawing = ({ main, dark, light, pale }) => [
  ...bubbles([130, 168, 24], [168, 146, 30], [214, 160, 26], [250, 176, 18], [196, 108, 12], [152, 100, 8]),
  line('M318 200v-84h-42v18', iron, 12),
  line('M96 296l-10 14M304 296l10 14', gold, 15),
  area('M72 204h256c0 66-20 96-60 96H132c-40 0-60-30-60-96z', main),
  area('M78 236h244c-3 14-7 26-12 34H90c-5-8-9-20-12-34z', light),
  rect(56, 190, 288, 24, 12, dark),
  rect(120, 176, 170, 18, 9, wood),
  rect(150, 160, 44, 18, 3, pale),
];

const shower: Drawing = ({ main, dark, light }) => [
  line('M330 20v60c0 30-20 40-50 40h-80v20', iron, 14),
  area('M150 178c0-28 22-42 50-42s50 14 50 42z', dark),
  rect(90, 172, 220, 32, 16, main),
  line('M112 188h176', light, 5),
  ...[0, 1, 2].map((row) =>
    faded(0.85, line([108, 146, 184, 222, 260, 296].map((x) => `M${x + (row % 2) * 8 - 6} ${224 + row * 32}v14`).join(''), '#6db5df', 9)),
  ),
];

/** Drawings of things for the bath. */
export const bath: readonly Choice[] = [
  [/hand towel|sauna|mat\b/i, hangingTowel],
  [/towel/i, towels],
  [/sponge/i, sponge],
  [/soap/i, soap],
  [/lotion|hand wash|dispenser/i, pump],
  [/shampoo|essence/i, flacon],
  [/salts/i, saltJar],
  [/shaving brush/i, shavingBrush],
  [/toothbrush/i, toothbrushes],
  [/razor/i, razor],
  [/brush/i, brush],
  [/duck/i, duck],
  [/shower/i, shower],
  [/./, bathtub],
];
