import {
  area,
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
  moved,
  rect,
  ring,
  shine,
  steel,
  turned,
  wood,
} from './shapes.ts';

const hammer: Drawing = ({ main, dark }) => [
  turned(
    34,
    rect(186, 110, 28, 140, 8, wood),
    rect(182, 222, 36, 124, 16, main),
    line('M188 254h24M188 276h24M188 298h24', dark, 6),
    area('M170 66c-40-6-74 6-92 44 30-16 58-14 92 10z', iron),
    rect(160, 60, 90, 62, 10, iron),
    rect(246, 52, 32, 78, 8, steel),
    shine('M174 76h62', 8),
  ),
];

const mallet: Drawing = ({ main, dark, light }) => [
  turned(
    34,
    rect(187, 130, 26, 214, 10, wood),
    rect(120, 54, 160, 94, 20, main),
    rect(120, 54, 28, 94, 14, dark),
    rect(252, 54, 28, 94, 14, dark),
    line('M166 78h66', light, 9),
  ),
];

const screwdriver: Drawing = ({ main, dark, light, accent }) => [
  turned(
    40,
    area('M168 60c0-24 64-24 64 0v92c0 20-12 28-18 40h-28c-6-12-18-20-18-40z', main),
    line('M184 72v70M200 70v76M216 72v70', dark, 7),
    rect(180, 186, 40, 18, 6, accent),
    rect(191, 202, 18, 106, 0, steel),
    rect(191, 202, 7, 106, 0, '#eef2f6'),
    area('M188 306h24l-5 38h-14z', iron),
    line('M178 62c6-8 14-10 22-10', light, 6),
  ),
];

const chisel: Drawing = ({ main, dark, accent }) => [
  ...[-78, 0, 78].map((x, index) =>
    moved(
      x,
      index === 1 ? -10 : 6,
      rect(182, 70, 36, 100, 16, [main, accent, main][index] ?? main),
      rect(180, 158, 40, 16, 5, gold),
      rect(192, 172, 16, 30, 0, iron),
      area('M182 200h36v86l-36 22z', steel),
      line('M192 84v60', dark, 4),
    ),
  ),
];

const spanner: Drawing = ({ main, dark, light }) => [
  turned(
    38,
    area('M176 40v50l24 16 24-16V40a56 56 0 0 1 0 106h-48a56 56 0 0 1 0-106z', iron),
    rect(180, 130, 40, 140, 0, iron),
    rect(176, 152, 48, 100, 16, main),
    rect(190, 166, 10, 72, 5, light),
    ring(200, 296, 30, iron, 24),
    line('M176 196h48', dark, 3),
  ),
];

const hexKeys: Drawing = ({ main, dark, light }) => [
  turned(-16, line('M150 190V70h60', iron, 11)),
  turned(10, line('M190 190V84h52', steel, 13)),
  turned(34, line('M226 190V100h44', iron, 15)),
  rect(112, 186, 176, 122, 34, main),
  rect(136, 212, 128, 30, 15, dark),
  circle(140, 278, 9, light),
  circle(260, 278, 9, light),
];

const saw: Drawing = ({ main, dark, light }) => [
  turned(
    -16,
    area('M30 176h212v96L30 220z', steel),
    area(`M30 220l212 52v8${'l-6-8-6 5'.repeat(17)}L30 228z`, iron),
    area('M236 156c50-20 104 0 110 50 6 46-20 84-66 90-20 2-40-6-44-24z', main),
    `<ellipse cx="290" cy="226" rx="26" ry="34" fill="${light}" transform="rotate(12 290 226)"/>`,
    circle(250, 190, 6, dark),
    circle(252, 256, 6, dark),
    shine('M60 194h160', 7),
  ),
];

const drill: Drawing = ({ main, dark, light, accent }) => [
  line('M52 154h60', iron, 10),
  rect(96, 130, 46, 48, 10, ink),
  area('M200 190h60l22 84h-62z', dark),
  rect(134, 104, 180, 98, 28, main),
  rect(134, 116, 24, 74, 8, accent),
  line('M206 134h78M206 152h78', light, 7),
  line('M196 204c-10 18-8 30 6 38', accent, 11),
  rect(192, 262, 128, 46, 12, ink),
  rect(206, 276, 44, 10, 5, light),
];

const drillBits: Drawing = ({ main, dark, light }) => [
  ...[96, 144, 192, 240, 288].map((x, index) => {
    const height = 150 - index * 22;
    const top = 214 - height;
    const flutes = Array.from({ length: Math.floor(height / 22) }, (_, row) => `M${x} ${top + 18 + row * 22}l16-12`).join('');
    return [rect(x, top, 16, height, 3, steel), area(`M${x} ${top + 2}h16l-8-20z`, steel), line(flutes, iron, 5)].join('');
  }),
  rect(72, 200, 256, 108, 20, main),
  rect(72, 200, 256, 26, 13, dark),
  line('M104 264h120', light, 10),
];

const toolbox: Drawing = ({ main, dark, light }) => [
  line('M152 168v-28a16 16 0 0 1 16-16h64a16 16 0 0 1 16 16v28', ink, 15),
  rect(72, 204, 256, 104, 14, main),
  area('M92 160h216l20 58H72z', dark),
  rect(72, 210, 256, 12, 0, light),
  rect(116, 200, 32, 40, 6, gold),
  rect(252, 200, 32, 40, 6, gold),
  shine('M94 248v40', 8),
];

const tapeMeasure: Drawing = ({ main, dark, light, pale }) => [
  area('M220 276h130v28H220z', gold),
  line('M250 278v12M270 278v16M290 278v12M310 278v16M330 278v12', ink, 4),
  rect(344, 268, 12, 42, 3, iron),
  area('M80 176a68 68 0 0 1 68-68h40a86 86 0 0 1 86 86v114H100a20 20 0 0 1-20-20z', main),
  circle(174, 204, 58, dark),
  circle(174, 204, 42, light),
  circle(174, 204, 16, pale),
  shine('M104 180c2-24 14-42 34-48', 9),
];

const level: Drawing = ({ main, dark, light }) => [
  turned(
    -12,
    rect(44, 164, 312, 80, 14, main),
    rect(44, 164, 312, 18, 9, light),
    rect(44, 228, 312, 16, 8, dark),
    rect(152, 180, 96, 46, 23, ink),
    rect(160, 188, 80, 30, 15, '#d4ec6f'),
    ellipse(206, 200, 16, 8, '#f6ffd0'),
    line('M184 188v30M226 188v30', ink, 3),
    circle(92, 204, 23, ink),
    circle(92, 204, 15, '#d4ec6f'),
    circle(308, 204, 23, ink),
    circle(308, 204, 15, '#d4ec6f'),
  ),
];

const pliers: Drawing = ({ main, dark, light }) => [
  turned(
    30,
    line('M192 180c-46 40-50 90-40 156', main, 30),
    line('M208 180c46 40 50 90 40 156', dark, 30),
    area('M200 214c-46-10-50-60-36-92 8-26 16-56 20-84h14v120z', iron),
    area('M200 214c46-10 50-60 36-92-8-26-16-56-20-84h-14v120z', steel),
    line('M200 60v86', ink, 3),
    circle(200, 178, 17, ink),
    circle(200, 178, 8, steel),
    line('M150 268c-4 18-4 36 0 54', light, 6),
  ),
];

const torch: Drawing = ({ main, dark, light, accent }) => [
  faded(0.6, area('M258 92l66 66L400 60V0h-44z', glow)),
  turned(
    45,
    rect(170, 150, 60, 190, 18, main),
    line('M182 250h36M182 270h36M182 290h36M182 310h36', dark, 7),
    area('M150 66h100v44l-18 46h-64l-18-46z', dark),
    rect(144, 54, 112, 22, 8, iron),
    rect(188, 182, 24, 38, 12, accent),
    line('M164 88v20', light, 6),
  ),
];

/** Drawings of tools. */
export const tools: readonly Choice[] = [
  [/hammer/i, hammer],
  [/mallet/i, mallet],
  [/screwdriver/i, screwdriver],
  [/chisel/i, chisel],
  [/spanner|wrench/i, spanner],
  [/hex/i, hexKeys],
  [/saw/i, saw],
  [/bits/i, drillBits],
  [/drill/i, drill],
  [/tape/i, tapeMeasure],
  [/level/i, level],
  [/pliers/i, pliers],
  [/torch/i, torch],
  [/./, toolbox],
];
