import {
  area,
  bark,
  type Choice,
  circle,
  type Drawing,
  ellipse,
  faded,
  glow,
  gold,
  ink,
  iron,
  line,
  rect,
  shine,
  steel,
  wood,
} from './shapes.ts';

const tableLamp: Drawing = ({ main, dark, light, accent }) => [
  faded(0.5, circle(200, 176, 120, glow)),
  area('M168 296c-30-44 0-70 22-96h20c22 26 52 52 22 96z', main),
  area('M170 236c20 12 40 12 60 0l8 22c-24 12-52 12-76 0z', accent),
  rect(148, 292, 104, 16, 8, dark),
  area('M154 84h92l40 120H114z', light),
  area('M200 84h46l40 120h-86z', main),
  faded(0.35, area('M200 84h46l40 120h-86z', '#fff')),
  rect(110, 198, 180, 10, 5, dark),
];

const domeLamp: Drawing = ({ main, dark, light }) => [
  faded(0.5, ellipse(200, 226, 130, 84, glow)),
  rect(186, 190, 28, 106, 10, dark),
  rect(140, 290, 120, 18, 9, dark),
  circle(200, 206, 30, glow),
  area('M92 206c0-70 48-110 108-110s108 40 108 110z', main),
  rect(88, 196, 224, 16, 8, light),
  shine('M122 172c8-26 22-40 40-48', 12),
];

const globeLamp: Drawing = ({ main, dark, light }) => [
  faded(0.5, circle(200, 156, 130, glow)),
  area('M176 236h48l22 62h-92z', main),
  rect(136, 290, 128, 18, 9, dark),
  circle(200, 156, 90, '#fff7dc'),
  faded(0.55, circle(200, 156, 58, glow)),
  rect(164, 226, 72, 20, 10, light),
  line('M144 138c6-22 20-36 40-42', '#fff', 10),
];

const arcLamp: Drawing = ({ main, dark, light }) => [
  faded(0.5, area('M196 182l-72 126h240l-72-126z', glow)),
  line('M92 292C60 60 230 0 244 120', iron, 10),
  rect(52, 278, 92, 30, 10, dark),
  line('M66 288h40', light, 4),
  area('M176 184c0-44 26-70 68-70s68 26 68 70z', main),
  rect(170, 176, 148, 14, 7, light),
];

const floorLamp: Drawing = ({ main, dark, light }) => [
  faded(0.5, circle(200, 106, 96, glow)),
  line('M200 140L140 302M200 140l60 162', bark, 11),
  line('M200 130v174', wood, 11),
  line('M172 222h56', dark, 6),
  area('M152 52h96l32 96H120z', main),
  area('M152 52h40l-14 96h-58z', light),
  rect(116, 142, 168, 10, 5, dark),
];

const deskLamp: Drawing = ({ main, dark, light }) => [
  faded(0.55, area('M236 178l66-56 40 186H190z', glow)),
  line('M150 296l-34-96 104-74', iron, 12),
  rect(94, 288, 124, 20, 10, dark),
  circle(116, 200, 13, ink),
  circle(222, 124, 13, ink),
  area('M200 110c30-34 68-30 92-2l20 24-90 76-18-24c-18-24-18-54-4-74z', main),
  line('M224 204l86-72', light, 13),
];

const pendant: Drawing = ({ main, dark, light }) => [
  faded(0.5, area('M112 230L64 384h272l-48-154z', glow)),
  line('M200 0v116', ink, 6),
  rect(180, 100, 40, 34, 8, dark),
  area('M88 232c0-66 48-106 112-106s112 40 112 106z', main),
  ellipse(200, 232, 112, 20, dark),
  ellipse(200, 234, 92, 13, glow),
  circle(200, 240, 22, gold),
  faded(0.5, circle(200, 240, 13, '#fff')),
  line('M118 196c8-20 22-34 42-42', light, 9),
];

const paperMoon: Drawing = ({ light, dark }) => [
  faded(0.5, circle(200, 204, 140, glow)),
  line('M200 0v110', ink, 5),
  circle(200, 204, 104, '#fff8e2'),
  ...[-78, -52, -26, 0, 26, 52, 78].map((y) => {
    const half = Math.round(Math.sqrt(104 * 104 - y * y));
    return line(`M${200 - half} ${204 + y}q${half} 22 ${half * 2} 0`, light, 4);
  }),
  ellipse(200, 104, 30, 8, dark),
];

const bulb: Drawing = ({ main, dark, light, accent }) => [
  faded(0.55, circle(200, 158, 122, glow)),
  area('M200 64a94 94 0 0 0-54 171c12 9 18 19 18 33h72c0-14 6-24 18-33A94 94 0 0 0 200 64z', light),
  faded(0.45, area('M200 80a78 78 0 0 0-44 143c8 6 14 12 18 20h52c4-8 10-14 18-20A78 78 0 0 0 200 80z', '#fff')),
  line('M180 266v-66l-14-22 22 12 12-26 12 26 22-12-14 22v66', accent, 6),
  rect(160, 258, 80, 14, 7, main),
  rect(164, 274, 72, 12, 6, iron),
  rect(168, 288, 64, 10, 5, iron),
  rect(184, 298, 32, 10, 5, dark),
];

const lantern: Drawing = ({ main, dark, light }) => [
  faded(0.45, circle(200, 206, 112, glow)),
  line('M148 128c-6-92 110-92 104 0', ink, 9),
  rect(146, 138, 108, 134, 10, glow),
  area('M200 172c32 38 26 78 0 82-26-4-32-36-14-56 8 2 12-8 14-26z', gold),
  area('M200 210c14 18 12 40 0 44-12-4-14-20 0-44z', '#f07f4a'),
  line('M150 140v130M250 140v130', dark, 9),
  area('M134 144l28-40h76l28 40z', main),
  rect(176, 92, 48, 16, 8, dark),
  rect(130, 264, 140, 44, 12, main),
  rect(130, 264, 140, 12, 6, light),
];

const candle: Drawing = ({ main, dark, light }) => [
  faded(0.5, circle(200, 126, 92, glow)),
  ellipse(200, 298, 104, 16, dark),
  rect(150, 162, 100, 138, 16, main),
  area('M150 178c14 30 22 20 28 44s16 8 18-14 20-4 26 10 20-6 28-40z', light),
  ellipse(200, 172, 50, 13, light),
  line('M200 172v-22', ink, 5),
  area('M200 74c30 38 22 72 0 76-22-4-30-38 0-76z', gold),
  area('M200 108c12 18 10 36 0 40-10-4-12-22 0-40z', '#fff3cf'),
];

const stringLights: Drawing = ({ main, light, accent }) => {
  const bulbs = [
    ...[52, 118, 200, 282, 348].map((x, index) => [x, [118, 158, 172, 158, 118][index] ?? 0] as const),
    ...[84, 152, 248, 316].map((x, index) => [x, [236, 270, 270, 236][index] ?? 0] as const),
  ];
  return [
    line('M0 74c90 108 310 108 400 0M36 184c80 96 248 96 328 0', ink, 5),
    ...bulbs.flatMap(([x, y], index) => [
      faded(0.5, circle(x, y + 24, 34, glow)),
      rect(x - 8, y - 8, 16, 20, 4, ink),
      ellipse(x, y + 26, 16, 20, [gold, accent, main, light][index % 4] ?? gold),
    ]),
    shine('M112 176v8M194 190v8M276 176v8', 4),
  ];
};

const readingLight: Drawing = ({ main, dark, light }) => [
  faded(0.55, area('M226 150l84-40 40 170-200 10z', glow)),
  line('M130 280C60 160 140 70 214 122', iron, 11),
  rect(92, 260, 84, 48, 14, dark),
  line('M110 284h48', steel, 6),
  area('M196 104c26-22 56-18 76 6l20 28-66 42-24-24c-16-18-16-36-6-52z', main),
  line('M228 176l62-40', light, 11),
];

/** Drawings of lights. */
export const lighting: readonly Choice[] = [
  [/string/i, stringLights],
  [/reading/i, readingLight],
  [/desk lamp/i, deskLamp],
  [/arc floor/i, arcLamp],
  [/floor lamp/i, floorLamp],
  [/mushroom/i, domeLamp],
  [/globe table/i, globeLamp],
  [/table lamp|bedside/i, tableLamp],
  [/paper moon/i, paperMoon],
  [/pendant/i, pendant],
  [/bulb/i, bulb],
  [/lantern/i, lantern],
  [/./, candle],
];
