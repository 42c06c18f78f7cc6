import {
  area,
  type Choice,
  circle,
  type Drawing,
  ellipse,
  faded,
  gold,
  ink,
  iron,
  line,
  moved,
  paper,
  rect,
  ring,
  shine,
  steel,
  turned,
  wood,
} from './shapes.ts';

const notebook: Drawing = ({ main, dark, light, accent, pale }) => [
  turned(
    6,
    rect(124, 88, 170, 222, 14, paper),
    rect(112, 82, 176, 222, 16, main),
    rect(112, 82, 30, 222, 14, dark),
    rect(254, 82, 13, 222, 0, accent),
    rect(160, 118, 76, 44, 8, pale),
    line('M172 134h52M172 148h34', light, 5),
    area('M196 300h18v40l-9-10-9 10z', accent),
  ),
];

const pen: Drawing = ({ main, dark, light, accent }) => [
  line('M72 322c30-30 44 18 74-6s30 14 60-8', accent, 7),
  turned(
    38,
    rect(178, 40, 44, 120, 20, main),
    rect(178, 128, 44, 110, 6, dark),
    rect(178, 122, 44, 14, 4, gold),
    rect(212, 58, 11, 80, 5, gold),
    area('M182 238h36l-8 24h-20z', ink),
    area('M186 260h28l-14 62z', steel),
    line('M200 282v24', ink, 3),
    line('M190 58v50', light, 7),
  ),
];

const pencil: Drawing = ({ main, dark, light, accent, pale }) => [
  moved(
    -26,
    10,
    turned(
      30,
      rect(176, 42, 48, 34, 10, accent),
      rect(176, 70, 48, 22, 0, steel),
      rect(176, 92, 16, 160, 0, light),
      rect(192, 92, 16, 160, 0, main),
      rect(208, 92, 16, 160, 0, dark),
      area('M176 252h48l-24 70z', '#f0cfa4'),
      area('M191 296h18l-9 26z', ink),
    ),
  ),
  moved(
    60,
    16,
    turned(
      30,
      rect(176, 82, 24, 170, 0, accent),
      rect(200, 82, 20, 170, 0, gold),
      rect(176, 72, 44, 22, 8, pale),
      area('M176 252h44l-22 66z', '#f0cfa4'),
      area('M190 294h16l-8 24z', accent),
    ),
  ),
];

const penPot: Drawing = ({ main, dark, light, accent }) => [
  turned(-7, rect(166, 84, 22, 150, 4, accent), area('M166 84h22l-11-32z', '#f0cfa4')),
  turned(6, rect(200, 76, 22, 150, 8, ink), rect(200, 120, 22, 8, 0, gold)),
  turned(16, rect(238, 84, 28, 146, 3, gold), line('M246 110h16M252 130h10M246 150h16M252 170h10', iron, 4)),
  rect(128, 186, 144, 122, 18, main),
  rect(128, 216, 144, 26, 0, light),
  rect(120, 180, 160, 18, 9, dark),
  shine('M148 254v34'),
];

const papers: Drawing = ({ main, dark, light, accent }) => [
  turned(-8, rect(110, 86, 170, 216, 10, light)),
  turned(
    4,
    rect(118, 84, 170, 220, 10, paper),
    rect(142, 112, 84, 13, 6, main),
    line('M146 150h116M146 176h116M146 202h92M146 228h116M146 254h60', '#d9cfbd', 7),
    circle(252, 268, 18, accent),
    line('M238 96v-20a12 12 0 0 1 24 0v40', dark, 6),
  ),
];

const tray: Drawing = ({ main, dark, light, accent }) => [
  turned(-4, rect(112, 112, 176, 80, 6, paper), line('M134 136h110M134 156h80', '#d9cfbd', 6)),
  area('M72 190h256l-10 52H82z', light),
  area('M72 190h86l20 24h44l20-24h86l-10 52H82z', main),
  area('M72 250h256l-12 58H84z', main),
  area('M72 250h86l20 24h44l20-24h86l-12 58H84z', dark),
  rect(180, 222, 40, 10, 5, accent),
];

const stickyNotes: Drawing = ({ main, dark, light, accent, pale }) => [
  turned(-12, rect(92, 104, 150, 150, 6, light)),
  turned(8, rect(158, 92, 150, 150, 6, accent), faded(0.25, rect(158, 92, 150, 26, 6, ink))),
  turned(
    -3,
    area('M116 152h168v120l-40 36H116z', main),
    rect(116, 152, 168, 26, 0, dark),
    line('M140 206h118M140 230h118M140 254h70', pale, 7),
  ),
  turned(-3, area('M284 272h-40v36z', light)),
];

const deskPad: Drawing = ({ main, dark, light, accent, pale }) => [
  area('M92 150h216l40 158H52z', main),
  `<path d="M102 164h196l34 132H68z" fill="none" stroke="${light}" stroke-width="4" stroke-dasharray="10 9"/>`,
  area('M124 196h100l8 60H116z', paper),
  line('M134 212h76M132 228h80M130 242h52', dark, 5),
  line('M252 258l26-62', ink, 9),
  ellipse(304, 166, 25, 13, dark),
  ellipse(304, 160, 23, 11, pale),
  ellipse(304, 160, 16, 7, accent),
];

const inkwell: Drawing = ({ main, dark, light, accent }) => [
  turned(18, area('M262 30c50 30 40 100-10 150l-14-4c-6-60-8-114 24-146z', light), line('M262 40c-14 50-24 100-34 150', accent, 5)),
  faded(0.8, rect(108, 196, 168, 112, 26, '#fff')),
  area('M118 228h148v52a18 18 0 0 1-18 18H136a18 18 0 0 1-18-18z', main),
  rect(152, 156, 80, 46, 10, dark),
  rect(146, 192, 92, 12, 6, ink),
  rect(150, 240, 84, 40, 8, paper),
  area('M192 246c12 14 10 28 0 30-10-2-12-16 0-30z', main),
];

const envelope: Drawing = ({ main, dark, light, pale, accent }) => [
  turned(
    -6,
    rect(122, 84, 156, 120, 8, paper),
    line('M146 112h108M146 134h80', '#d9cfbd', 6),
    rect(80, 148, 240, 160, 14, main),
    area('M84 156l116 92 116-92c4 2 4 4 4 8v130L200 236 80 294V164c0-4 0-6 4-8z', light),
    area('M82 300l118-84 118 84c-2 4-6 8-12 8H94c-6 0-10-4-12-8z', main),
    circle(200, 232, 22, accent),
    ring(200, 232, 12, pale, 4),
    line('M92 302h216', dark, 3),
  ),
];

const scissors: Drawing = ({ main, dark }) => [
  turned(
    -28,
    area('M176 216l30-168c22 30 28 92 18 172z', steel),
    area('M224 216L194 48c-22 30-28 92-18 172z', iron),
    ellipse(154, 276, 34, 42, main),
    ellipse(246, 276, 34, 42, dark),
    line('M180 246l18-34M220 246l-18-34', dark, 22),
    ellipse(154, 278, 17, 24, '#fff'),
    ellipse(246, 278, 17, 24, '#fff'),
    circle(200, 206, 10, ink),
  ),
];

const stapler: Drawing = ({ main, dark, light }) => [
  rect(70, 282, 262, 26, 13, dark),
  rect(282, 262, 34, 24, 6, iron),
  turned(
    9,
    rect(92, 226, 226, 22, 6, steel),
    area('M84 228c-4-50 26-70 64-70h122c34 0 58 34 54 66z', main),
    line('M120 192c8-8 16-10 30-10h90', light, 11),
  ),
  circle(98, 262, 15, ink),
];

const paperClip: Drawing = ({ main, accent }) => [
  turned(24, line('M158 252V132a44 44 0 0 1 88 0v132a32 32 0 0 1-64 0V146a20 20 0 0 1 40 0v104', main, 15)),
  moved(66, 46, turned(-40, line('M178 220v-62a24 24 0 0 1 48 0v70a17 17 0 0 1-34 0v-58a10 10 0 0 1 20 0v50', accent, 9))),
];

const tape: Drawing = ({ main, dark, light, accent, pale }) => [
  area('M192 288h136l-12 11 12 11H192z', light),
  circle(196, 204, 106, main),
  ring(196, 204, 92, light, 5),
  circle(196, 204, 62, dark),
  circle(196, 204, 52, pale),
  ...[20, 80, 140, 200, 260, 320].map((turn) => `<circle cx="196" cy="126" r="9" fill="${accent}" transform="rotate(${turn} 196 204)"/>`),
];

const organiser: Drawing = ({ main, dark, accent }) => [
  rect(116, 96, 24, 120, 6, accent),
  area('M116 96h24l-12-30z', '#f0cfa4'),
  rect(154, 112, 20, 110, 8, ink),
  rect(226, 92, 76, 140, 14, dark),
  rect(234, 102, 60, 120, 8, main),
  area('M84 200h232v90a18 18 0 0 1-18 18H102a18 18 0 0 1-18-18z', wood),
  rect(84, 200, 232, 16, 6, '#b98a5c'),
  line('M110 244c50-10 80 12 180-4M110 274c70 10 100-12 180 2', '#b98a5c', 3),
];

/** Drawings of office things. */
export const office: readonly Choice[] = [
  [/notebook|planner|journal/i, notebook],
  [/organiser/i, organiser],
  [/pencil/i, pencil],
  [/brush|gel/i, penPot],
  [/pen\b/i, pen],
  [/ink\b/i, inkwell],
  [/tray|file/i, tray],
  [/envelope/i, envelope],
  [/scissors/i, scissors],
  [/stapler|punch/i, stapler],
  [/clip/i, paperClip],
  [/tape/i, tape],
  [/sticky/i, stickyNotes],
  [/desk pad/i, deskPad],
  [/./, papers],
];
