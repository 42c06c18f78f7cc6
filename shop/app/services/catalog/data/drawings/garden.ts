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

const wateringCan: Drawing = ({ main, dark, light }) => [
  line('M252 276l66-94', main, 20),
  area('M296 164l48 34-10 16-54-38z', dark),
  line('M134 272c-84-2-76-104 10-78', dark, 15),
  area('M130 184h132l14 124H116z', main),
  area('M124 238h144l3 26H121z', light),
  ellipse(196, 184, 66, 14, dark),
  shine('M148 210l-3 20M144 272l-2 20'),
  faded(0.7, line('M338 228l6 14M318 222l6 14M346 258l6 14M324 252l6 14', '#5aa7d6', 7)),
];

const sprayer: Drawing = ({ main, dark, light }) => [
  line('M236 120c70-40 100 20 76 70s-40 40-20 90', ink, 9),
  line('M286 196l56-70', iron, 10),
  rect(178, 64, 44, 60, 10, dark),
  rect(150, 52, 100, 24, 12, ink),
  area('M126 176c0-40 30-58 74-58s74 18 74 58v104a28 28 0 0 1-28 28h-92a28 28 0 0 1-28-28z', main),
  rect(126, 208, 148, 44, 0, light),
  shine('M146 176c2-14 10-24 22-30'),
  faded(0.7, line('M356 106l14-10M362 122l18-2M342 96l6-16', '#5aa7d6', 7)),
];

const hose: Drawing = ({ main, dark, light, accent }) => [
  line('M300 214c40 6 56 30 46 92', main, 20),
  ...[96, 66, 36].map((radius) => ring(196, 208, radius, main, 22)),
  ...[102, 72, 42].map((radius) => ring(196, 208, radius, light, 4)),
  line('M196 102v30M196 284v30', dark, 16),
  rect(332, 288, 28, 32, 6, accent),
];

const flowerPot: Drawing = ({ main, dark, light, accent }) => [
  line('M200 220V110', leaf, 9),
  area('M200 214c-66-6-90-58-86-100 48 4 88 46 86 100z', leaf),
  area('M200 214c66-6 90-58 86-100-48 4-88 46-86 100z', '#548f68'),
  ...[0, 72, 144, 216, 288].map((turn) => `<circle cx="200" cy="74" r="19" fill="${accent}" transform="rotate(${turn} 200 98)"/>`),
  circle(200, 98, 15, gold),
  area('M128 218h144l-20 90H148z', main),
  area('M134 246h132l-4 18H138z', light),
  rect(114, 196, 172, 32, 10, dark),
];

const hangingPot: Drawing = (colours) => [line('M122 206L200 0l78 206', '#e5d5b8', 6), circle(200, 8, 9, bark), ...flowerPot(colours)];

const spade: Drawing = ({ main, dark, light }) => [
  turned(
    38,
    rect(185, 46, 30, 104, 15, wood),
    rect(185, 76, 30, 12, 0, bark),
    line('M200 150v50', iron, 14),
    area('M152 206q48-28 96 0v52q-6 60-48 98-42-38-48-98z', main),
    area('M200 194q26 1 48 12v52q-6 60-48 98z', dark),
    line('M200 214v96', light, 6),
  ),
];

const secateurs: Drawing = ({ main, dark, accent }) => [
  turned(
    -24,
    line('M194 196c-46 34-58 80-54 130', main, 26),
    line('M208 196c46 34 58 80 54 130', dark, 26),
    line('M180 246c16-16 26-16 42 0', accent, 6),
    area('M186 208c-18-64 4-114 52-140 8 52 0 106-30 142z', steel),
    area('M214 208c-34-16-56-44-58-92 30 6 58 36 66 78z', iron),
    circle(200, 198, 17, ink),
    circle(200, 198, 7, steel),
  ),
];

const seedPacket: Drawing = ({ main, dark, accent, pale }) => [
  turned(
    -7,
    rect(124, 82, 152, 226, 12, paper),
    rect(124, 82, 152, 48, 12, main),
    rect(148, 100, 104, 10, 5, pale),
    rect(124, 122, 152, 8, 0, dark),
    line('M200 290v-80', leaf, 8),
    area('M200 282c-34-2-46-26-46-44 26 2 46 18 46 44z', leaf),
    area('M200 266c34-2 46-26 46-44-26 2-46 18-46 44z', '#548f68'),
    ...[0, 60, 120, 180, 240, 300].map((turn) => `<circle cx="200" cy="166" r="17" fill="${accent}" transform="rotate(${turn} 200 190)"/>`),
    circle(200, 190, 15, gold),
  ),
];

const birdhouse: Drawing = ({ main, dark, light }) => [
  rect(190, 250, 20, 58, 0, bark),
  area('M132 174l68-64 68 64v92H132z', main),
  line('M132 236h136', light, 5),
  line('M112 184l88-82 88 82', dark, 22),
  circle(200, 192, 25, ink),
  line('M200 228v18', bark, 8),
  area('M200 112c20-30 50-34 66-30-4 24-30 38-66 30z', leaf),
];

const beeHotel: Drawing = ({ main, dark }) => [
  area('M112 168l88-74 88 74v140H112z', main),
  area('M132 182l68-58 68 58v108H132z', '#f0dcb8'),
  ...[0, 1, 2, 3].flatMap((row) =>
    [0, 1, 2, 3].map((column) => circle(152 + column * 32 - (row % 2) * 6, 186 + row * 29, row % 2 ? 9 : 11, bark)),
  ),
  ...[0, 1, 2, 3].flatMap((row) => [0, 1, 2, 3].map((column) => circle(152 + column * 32 - (row % 2) * 6, 186 + row * 29, 5, ink))),
  line('M92 182l108-92 108 92', dark, 20),
  ellipse(308, 120, 16, 11, gold),
  faded(0.8, ellipse(302, 106, 8, 11, '#fff'), ellipse(316, 106, 8, 11, '#fff')),
  line('M304 112v16M312 112v16', ink, 4),
];

const birdBath: Drawing = ({ main, dark, light }) => [
  area('M178 200h44l12 92h-68z', main),
  rect(134, 286, 132, 22, 11, dark),
  area('M76 164h248c-8 40-56 54-124 54S84 204 76 164z', main),
  ellipse(200, 164, 124, 22, dark),
  ellipse(200, 166, 104, 14, '#8fcbe8'),
  line('M160 166h34M214 170h28', '#fff', 4),
  area('M246 150c-24 0-40-18-38-42 10 10 26 8 34 0 2-18 32-18 34 2l12 6-12 4c0 18-12 30-30 30z', light),
  circle(262, 108, 4, ink),
];

const rake: Drawing = ({ main, dark }) => [
  turned(
    32,
    rect(192, 30, 16, 200, 8, wood),
    rect(190, 30, 20, 60, 10, main),
    area('M184 222h32l14 24h-60z', dark),
    ...[-60, -36, -12, 12, 36, 60].map((x) => line(`M${200 + x / 4} 240L${200 + x} 318q2 12 ${x < 0 ? 10 : -10} 18`, iron, 8)),
  ),
];

/** Drawings of garden things. */
export const garden: readonly Choice[] = [
  [/watering/i, wateringCan],
  [/spray/i, sprayer],
  [/hose\b/i, hose],
  [/hanging/i, hangingPot],
  [/pot|planter|trough/i, flowerPot],
  [/trowel|spade|dibber/i, spade],
  [/fork|hoe|rake/i, rake],
  [/secateurs|loppers|shears|snips/i, secateurs],
  [/seed|bulb/i, seedPacket],
  [/bee hotel/i, beeHotel],
  [/bird bath/i, birdBath],
  [/./, birdhouse],
];
