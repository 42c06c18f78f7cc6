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
  moved,
  paper,
  rect,
  ring,
  shine,
  steel,
  turned,
} from './shapes.ts';

const suitcase: Drawing = ({ main, dark, light, accent, pale }) => [
  line('M168 124V66h64v58', iron, 11),
  rect(160, 54, 80, 20, 10, ink),
  rect(104, 114, 192, 178, 30, main),
  line('M142 132v142M180 132v142M220 132v142M258 132v142', dark, 7),
  rect(104, 194, 192, 12, 0, light),
  circle(138, 298, 13, ink),
  circle(262, 298, 13, ink),
  turned(8, circle(250, 168, 25, accent), area('M250 150l5 13 14 1-11 9 4 13-12-8-12 8 4-13-11-9 14-1z', pale)),
];

const passport: Drawing = ({ main, dark, light, accent }) => [
  turned(12, rect(150, 80, 130, 190, 8, paper), rect(150, 80, 130, 36, 8, accent), line('M170 140h90M170 164h60', '#d9cfbd', 7)),
  turned(
    -6,
    rect(116, 94, 158, 214, 18, main),
    rect(116, 94, 20, 214, 10, dark),
    ring(204, 184, 40, gold, 6),
    line('M164 184h80M204 144c-26 24-26 56 0 80M204 144c26 24 26 56 0 80', gold, 5),
    rect(168, 250, 72, 10, 5, gold),
    rect(184, 272, 40, 8, 4, light),
  ),
];

const tag: Drawing = ({ main, dark, light, accent }) => [
  line('M214 120c20-70 90-80 100-30s-40 70-88 46', bark, 9),
  turned(
    24,
    area('M150 138l50-50 50 50v148a20 20 0 0 1-20 20h-60a20 20 0 0 1-20-20z', main),
    circle(200, 136, 15, gold),
    circle(200, 136, 8, ink),
    rect(166, 178, 68, 98, 8, paper),
    line('M178 200h44M178 222h44M178 244h26', light, 6),
    circle(216, 256, 9, accent),
    line('M166 290h68', dark, 4),
  ),
];

const adapter: Drawing = ({ main, dark, light, accent }) => [
  line('M166 120V64M234 120V64', iron, 18),
  rect(112, 112, 176, 124, 26, main),
  rect(132, 132, 136, 84, 16, light),
  rect(193, 142, 14, 30, 5, ink),
  rect(156, 180, 30, 14, 5, ink),
  rect(214, 180, 30, 14, 5, ink),
  rect(134, 232, 132, 76, 16, dark),
  rect(154, 262, 40, 18, 6, ink),
  rect(206, 262, 40, 18, 6, ink),
  circle(268, 128, 6, accent),
];

const charger: Drawing = ({ main, dark, light, accent }) => [
  line('M250 110c0-60 80-50 76 10s-44 60-36 120', ink, 9),
  rect(122, 88, 144, 220, 28, main),
  rect(134, 100, 120, 150, 18, dark),
  area('M204 116l-44 72h32l-10 50 50-74h-34z', gold),
  ...[160, 182, 204, 226].map((x, index) => circle(x, 278, 7, index < 3 ? accent : light)),
  rect(234, 76, 32, 36, 6, iron),
];

const neckPillow: Drawing = ({ main, dark, light, accent }) => [
  line('M126 116c-70 100-10 152 74 152s144-52 74-152', dark, 84),
  line('M126 112c-70 100-10 150 74 150s144-50 74-150', main, 78),
  line('M104 150c-30 60 10 90 66 98', light, 12),
  circle(126, 116, 14, accent),
  circle(274, 116, 14, accent),
  line('M126 112c20-26 128-26 148 0', ink, 5),
];

const sleepMask: Drawing = ({ main, dark, light, accent }) => [
  line('M70 196C40 90 360 90 330 196', dark, 13),
  area('M60 204c0-40 50-54 140-54s140 14 140 54c0 54-30 84-70 84-36 0-50-30-70-30s-34 30-70 30c-40 0-70-30-70-84z', main),
  line('M104 216c14 22 48 22 62 0M234 216c14 22 48 22 62 0', light, 8),
  line('M114 234l-8 12M135 240v14M156 234l8 12M244 234l-8 12M265 240v14M286 234l8 12', light, 6),
  area('M300 66a34 34 0 1 0 34 50 40 40 0 0 1-34-50z', accent),
  ...[circle(252, 74, 5, accent), circle(348, 70, 4, accent)],
];

const compass: Drawing = ({ main, dark, light, accent }) => [
  ring(200, 72, 22, gold, 9),
  rect(184, 84, 32, 24, 6, dark),
  circle(200, 204, 108, main),
  circle(200, 204, 86, paper),
  ...[0, 45, 90, 135, 180, 225, 270, 315].map(
    (turn) =>
      `<rect x="196" y="126" width="8" height="${turn % 90 ? 12 : 20}" rx="3" fill="${light}" transform="rotate(${turn} 200 204)"/>`,
  ),
  turned(36, area('M200 136l22 68h-44z', accent), area('M200 272l22-68h-44z', ink)),
  circle(200, 204, 9, gold),
];

const tent: Drawing = ({ main, dark, light, accent }) => [
  line('M196 92L48 306M204 92l148 214', bark, 8),
  area('M200 96L62 306h276z', main),
  area('M200 96l138 210h-92z', dark),
  area('M200 150l-54 156h108z', ink),
  area('M200 150l-54 156h34z', light),
  area('M200 60h44l-12 12 12 12h-44z', accent),
  line('M200 100V58', bark, 6),
  line('M62 306l-24 4M338 306l24 4', gold, 7),
  faded(0.9, circle(312, 96, 24, gold)),
  area('M84 306c-4-16 8-24 14-34 6 10 18 18 14 34z', leaf),
];

const binoculars: Drawing = ({ main, dark, light }) => [
  rect(174, 150, 52, 92, 12, ink),
  circle(200, 150, 17, gold),
  area('M114 124h58l16 150H76z', main),
  area('M286 124h-58l-16 150h112z', main),
  rect(108, 88, 68, 42, 12, ink),
  rect(224, 88, 68, 42, 12, ink),
  rect(68, 262, 128, 46, 16, dark),
  rect(204, 262, 128, 46, 16, dark),
  ellipse(132, 285, 44, 13, light),
  ellipse(268, 285, 44, 13, light),
  shine('M122 150l-10 80M244 150l4 80', 9),
];

const flask: Drawing = ({ main, dark, light, pale }) => [
  rect(156, 60, 88, 62, 16, dark),
  rect(166, 116, 68, 18, 0, iron),
  rect(144, 130, 112, 178, 24, main),
  line('M256 168h22a18 18 0 0 1 18 18v56a18 18 0 0 1-18 18h-22', dark, 13),
  rect(144, 262, 112, 22, 0, light),
  area('M168 236l32-56 32 56z', pale),
  area('M186 204l14-24 14 24-8 6-6-6-6 6z', '#fff'),
  shine('M160 152v90', 8),
];

const umbrella: Drawing = ({ main, dark, light, accent }) => [
  line('M200 80V50', ink, 9),
  line('M200 180v102a26 26 0 0 1-52 0', bark, 13),
  area(
    'M56 206c0-84 64-136 144-136s144 52 144 136c-16-20-40-20-48 0-16-20-40-20-48 0-16-20-80-20-96 0-8-20-32-20-48 0-8-20-32-20-48 0z',
    main,
  ),
  area('M152 206c0-60 20-110 48-136 28 26 48 76 48 136-16-20-80-20-96 0z', light),
  area('M248 206c0-60-20-110-48-136 52 8 88 60 96 136-8-20-32-20-48 0z', dark),
  faded(0.8, line('M84 262l-8 20M118 292l-8 20M290 254l-8 20M326 288l-8 20', '#6db5df', 8)),
  circle(200, 50, 7, accent),
];

const map: Drawing = ({ main, dark, light, accent }) => [
  area('M72 118l86-30 84 30 86-30v190l-86 30-84-30-86 30z', paper),
  area('M158 88l84 30v190l-84-30z', '#f1e6d2'),
  area('M72 204c40-30 60 20 86-4s40 10 84-20 60 10 86-14v112l-86 30-84-30-86 30z', light),
  line('M158 88v190M242 118v190', '#dccfb6', 4),
  `<path d="M104 266c30-50 60 0 96-40s30-60 70-62" fill="none" stroke="${dark}" stroke-width="7" stroke-dasharray="4 15"/>`,
  moved(4, 0, area('M270 164c-38-48-30-84 0-84s38 36 0 84z', accent), circle(270, 108, 12, paper)),
  circle(104, 266, 10, main),
];

const cubes: Drawing = ({ main, dark, light, accent }) => [
  rect(78, 216, 244, 92, 18, main),
  line('M100 240h180', steel, 6),
  rect(274, 234, 14, 36, 6, gold),
  rect(96, 142, 150, 70, 16, accent),
  line('M114 162h100', steel, 6),
  rect(206, 156, 12, 30, 6, gold),
  rect(252, 160, 66, 52, 14, light),
  line('M266 178h38', dark, 5),
  faded(0.4, rect(110, 262, 140, 28, 8, '#fff'), rect(118, 178, 70, 20, 8, '#fff')),
];

/** Drawings of things for travel. */
export const travel: readonly Choice[] = [
  [/trolley|suitcase/i, suitcase],
  [/pouch/i, cubes],
  [/passport/i, passport],
  [/tags/i, tag],
  [/adapter/i, adapter],
  [/charger/i, charger],
  [/pillow/i, neckPillow],
  [/mask/i, sleepMask],
  [/compass/i, compass],
  [/tent/i, tent],
  [/binoculars/i, binoculars],
  [/bottle/i, flask],
  [/umbrella/i, umbrella],
  [/./, map],
];
