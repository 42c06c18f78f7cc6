import { area, bark, type Choice, circle, type Drawing, faded, gold, ink, line, rect, shine, steel } from './shapes.ts';

const backpack: Drawing = ({ main, dark, light, accent }) => [
  line('M170 112c0-56 60-56 60 0', dark, 14),
  rect(92, 196, 40, 92, 18, dark),
  rect(268, 196, 40, 92, 18, dark),
  rect(112, 92, 176, 216, 62, main),
  line('M134 190c10-80 122-80 132 0', light, 7),
  rect(136, 206, 128, 84, 24, dark),
  rect(136, 206, 128, 34, 17, light),
  rect(192, 228, 16, 30, 6, gold),
  circle(200, 152, 16, accent),
];

const rolltop: Drawing = ({ main, dark, light, accent }) => [
  rect(118, 116, 164, 192, 34, main),
  rect(110, 84, 180, 50, 20, dark),
  line('M126 109h148', light, 5),
  line('M200 92v150', accent, 14),
  rect(186, 180, 28, 34, 6, gold),
  rect(138, 232, 124, 60, 16, dark),
  line('M150 250h100', light, 6),
  line('M118 150c-36 40-30 110-12 146M282 150c36 40 30 110 12 146', dark, 13),
];

const tote: Drawing = ({ main, dark, light, accent, pale }) => [
  line('M156 214v-80c0-72 88-72 88 0v80', dark, 13),
  area('M108 164h184l16 144H92z', main),
  area('M108 164h184l2 20H106z', dark),
  circle(200, 246, 38, light),
  area('M200 276c-26-8-32-30-26-48 20 4 28 24 26 48zm0 0c26-8 32-30 26-48-20 4-28 24-26 48z', pale),
  area('M200 268c-10-18-10-36 0-48 10 12 10 30 0 48z', accent),
];

const satchel: Drawing = ({ main, dark, light }) => [
  line('M98 200c-10-140 214-140 204 0', bark, 11),
  rect(84, 176, 232, 132, 20, main),
  area('M84 196a20 20 0 0 1 20-20h192a20 20 0 0 1 20 20v36c0 26-232 26-232 0z', dark),
  rect(132, 216, 20, 60, 6, light),
  rect(248, 216, 20, 60, 6, light),
  rect(126, 246, 32, 22, 6, gold),
  rect(242, 246, 32, 22, 6, gold),
  line('M104 192h192', light, 4),
];

const briefcase: Drawing = ({ main, dark, light }) => [
  line('M158 150v-22a16 16 0 0 1 16-16h52a16 16 0 0 1 16 16v22', ink, 13),
  rect(76, 146, 248, 162, 22, main),
  area('M76 168a22 22 0 0 1 22-22h204a22 22 0 0 1 22 22v44H76z', dark),
  line('M76 212h248', light, 5),
  rect(178, 198, 44, 34, 8, gold),
  circle(200, 215, 5, ink),
  shine('M98 236v48', 8),
];

const duffel: Drawing = ({ main, dark, light, accent }) => [
  line('M148 190c-6-96 110-96 104 0', dark, 13),
  rect(58, 170, 284, 138, 64, main),
  area('M58 234a64 64 0 0 1 48-62v134a64 64 0 0 1-48-62zm284 0a64 64 0 0 0-48-62v134a64 64 0 0 0 48-62z', dark),
  line('M130 196h140', light, 6),
  rect(140, 170, 18, 138, 0, accent),
  rect(242, 170, 18, 138, 0, accent),
  rect(262, 188, 8, 24, 4, gold),
];

const halfMoon: Drawing = ({ main, dark, light }) => [
  line('M98 192C90 50 310 50 302 192', bark, 11),
  area('M84 184h232c6 80-46 124-116 124S78 264 84 184z', main),
  rect(78, 174, 244, 26, 13, dark),
  line('M110 224c14 36 46 56 90 56s76-20 90-56', light, 5),
  circle(102, 187, 8, gold),
  circle(298, 187, 8, gold),
  circle(200, 187, 6, gold),
];

const handbag: Drawing = ({ main, dark, light, accent }) => [
  line('M146 176c0-120 108-120 108 0', bark, 13),
  area('M104 166h192l18 122a20 20 0 0 1-20 20H106a20 20 0 0 1-20-20z', main),
  faded(0.5, line('M100 200h200M96 230h208M92 260h216M130 170l-10 136M176 170l-4 136M224 170l4 136M270 170l10 136', dark, 5)),
  rect(96, 158, 208, 22, 11, dark),
  area('M178 166h44v40a22 22 0 0 1-44 0z', light),
  circle(200, 206, 9, gold),
  circle(282, 186, 8, accent),
];

const clutch: Drawing = ({ main, dark, light }) => [
  rect(72, 154, 256, 154, 26, main),
  area('M72 180a26 26 0 0 1 26-26h204a26 26 0 0 1 26 26L212 246q-12 8-24 0z', dark),
  line('M82 184l104 56q14 8 28 0l104-56', light, 4),
  circle(200, 244, 20, gold),
  circle(200, 244, 9, dark),
  line('M326 196c30 30 20 70-4 84', gold, 6),
];

const wallet: Drawing = ({ main, dark, light, accent, pale }) => [
  rect(110, 128, 160, 80, 12, accent),
  rect(126, 112, 160, 80, 12, pale),
  rect(144, 128, 60, 12, 6, light),
  rect(84, 152, 232, 156, 22, main),
  rect(84, 152, 232, 30, 15, dark),
  `<path d="M102 200h120M102 290h196" fill="none" stroke="${light}" stroke-width="4" stroke-dasharray="9 9"/>`,
  area('M316 206h-62a30 30 0 0 0 0 60h62z', dark),
  circle(258, 236, 11, gold),
];

const pouch: Drawing = ({ main, dark, light, accent }) => [
  rect(72, 164, 256, 144, 34, main),
  rect(72, 164, 256, 48, 24, dark),
  line('M96 194h208', steel, 7),
  `<path d="M96 194h208" fill="none" stroke="${ink}" stroke-width="3" stroke-dasharray="4 5" stroke-linecap="butt"/>`,
  rect(286, 186, 18, 44, 8, gold),
  area('M72 236l110 72H106a34 34 0 0 1-34-34z', accent),
  area('M72 236l110 72h-34L72 260z', light),
  shine('M240 236h56', 8),
];

const hipPouch: Drawing = ({ main, dark, light }) => [
  line('M100 214C20 150 90 82 200 82s180 68 100 132', dark, 17),
  rect(270, 96, 34, 30, 6, ink),
  area('M92 196c60-24 156-24 216 0 10 66-20 112-108 112S82 262 92 196z', main),
  line('M116 224c50-16 118-16 168 0', light, 6),
  area('M112 256c50-12 126-12 176 0-14 34-42 52-88 52s-74-18-88-52z', dark),
  rect(268, 220, 10, 30, 5, gold),
];

/** Drawings of bags. */
export const bags: readonly Choice[] = [
  [/rolltop|rucksack|packable/i, rolltop],
  [/backpack/i, backpack],
  [/tote|shopper/i, tote],
  [/briefcase/i, briefcase],
  [/messenger|satchel/i, satchel],
  [/duffel/i, duffel],
  [/shoulder|crossbody/i, halfMoon],
  [/handbag/i, handbag],
  [/clutch/i, clutch],
  [/wallet|purse/i, wallet],
  [/hip|sling/i, hipPouch],
  [/./, pouch],
];
