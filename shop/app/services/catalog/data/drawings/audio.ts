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
  paper,
  rect,
  ring,
  shine,
  steel,
} from './shapes.ts';

const headphones: Drawing = ({ main, dark, light }) => [
  line('M112 234v-34a88 88 0 0 1 176 0v34', dark, 22),
  line('M138 150a76 76 0 0 1 124 0', light, 8),
  rect(136, 214, 24, 84, 12, ink),
  rect(240, 214, 24, 84, 12, ink),
  rect(84, 206, 60, 100, 28, main),
  rect(256, 206, 60, 100, 28, main),
  rect(98, 230, 16, 52, 8, light),
  rect(286, 230, 16, 52, 8, light),
];

const earbuds: Drawing = ({ main, dark, light, pale, accent }) => [
  ...[-1, 1].flatMap((side) => [
    rect(200 + side * 48 - 12, 112, 24, 90, 12, light),
    ellipse(200 + side * 84, 112, 17, 22, ink),
    circle(200 + side * 54, 114, 36, light),
    circle(200 + side * 50, 116, 12, accent),
  ]),
  rect(96, 190, 208, 118, 54, main),
  area('M96 240v14a54 54 0 0 0 54 54h100a54 54 0 0 0 54-54v-14z', dark),
  circle(200, 268, 6, pale),
  shine('M130 214c8-6 16-8 28-8'),
];

const speaker: Drawing = ({ main, dark, light, accent }) => [
  rect(122, 76, 156, 232, 24, main),
  rect(136, 90, 128, 204, 16, dark),
  circle(200, 228, 54, ink),
  ring(200, 228, 45, iron, 4),
  circle(200, 228, 28, main),
  circle(200, 228, 11, light),
  circle(200, 130, 29, ink),
  circle(200, 130, 14, light),
  circle(250, 102, 4, accent),
];

const portable: Drawing = ({ main, dark, light, accent }) => [
  line('M236 96c60-40 90 20 48 60', accent, 11),
  rect(132, 82, 136, 226, 58, main),
  rect(132, 128, 136, 128, 0, dark),
  ...[0, 1, 2, 3, 4].map((row) => line(`M150 ${144 + row * 24}h100`, light, 6)),
  ellipse(200, 104, 44, 12, light),
  line('M186 104h28M200 98v12', dark, 5),
  rect(168, 272, 64, 14, 7, light),
];

const soundbar: Drawing = ({ main, dark, light, accent }) => [
  rect(46, 216, 308, 78, 22, main),
  rect(60, 230, 280, 50, 14, dark),
  ...[96, 148, 252, 304].map((x) => circle(x, 255, 18, ink)),
  ...[96, 148, 252, 304].map((x) => circle(x, 255, 7, light)),
  circle(200, 255, 9, accent),
  rect(80, 292, 40, 16, 6, ink),
  rect(280, 292, 40, 16, 6, ink),
  faded(0.7, line('M164 186a52 52 0 0 1 72 0M140 158a86 86 0 0 1 120 0M116 130a120 120 0 0 1 168 0', light, 10)),
];

const turntable: Drawing = ({ main, dark, accent, pale }) => [
  rect(78, 102, 244, 196, 20, main),
  rect(96, 292, 40, 16, 6, ink),
  rect(264, 292, 40, 16, 6, ink),
  circle(176, 200, 84, ink),
  ...[72, 58, 44].map((radius) => ring(176, 200, radius, '#555a70', 2)),
  circle(176, 200, 28, accent),
  circle(176, 200, 5, paper),
  circle(288, 140, 19, dark),
  line('M288 140v84l-40 34', steel, 9),
  line('M256 250l-14 14', ink, 15),
  circle(288, 272, 9, pale),
];

const microphone: Drawing = ({ main, dark, light }) => [
  line('M132 170v16a68 68 0 0 0 136 0v-16', dark, 13),
  line('M200 254v46', dark, 15),
  rect(144, 290, 112, 18, 9, dark),
  rect(156, 68, 88, 148, 44, iron),
  area('M156 142h88v30a44 44 0 0 1-88 0z', main),
  rect(152, 134, 96, 16, 8, light),
  line('M176 86v40M200 74v52M224 86v40M164 104h72', steel, 4),
  shine('M174 164v16'),
];

const radio: Drawing = ({ main, dark, light, accent }) => [
  line('M262 150l60-82', iron, 7),
  circle(322, 68, 8, iron),
  line('M130 156c0-50 100-50 100 0', dark, 13),
  rect(78, 144, 244, 152, 28, main),
  rect(106, 290, 34, 18, 6, ink),
  rect(260, 290, 34, 18, 6, ink),
  circle(158, 220, 56, dark),
  line('M122 200h72M114 220h88M122 240h72M140 180h36M140 260h36', light, 6),
  rect(230, 172, 70, 40, 10, paper),
  line('M242 192h46', light, 4),
  line('M272 180v24', accent, 4),
  circle(246, 252, 17, accent),
  circle(288, 252, 12, gold),
];

/** Drawings of audio things. */
export const audio: readonly Choice[] = [
  [/amplifier|radio/i, radio],
  [/headphone/i, headphones],
  [/earbuds|in-ear/i, earbuds],
  [/soundbar/i, soundbar],
  [/portable speaker|shower speaker/i, portable],
  [/speaker|subwoofer/i, speaker],
  [/microphone|recorder/i, microphone],
  [/./, turntable],
];
