import {
  area,
  bark,
  type Choice,
  circle,
  type Drawing,
  ellipse,
  faded,
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

const football: Drawing = ({ main, dark, pale }) => [
  circle(200, 202, 106, pale),
  area('M200 164l37 27-14 43h-46l-14-43z', main),
  area('M168 102l32 20 32-20a106 106 0 0 0-64 0zM96 184l8 36-10 6c-2-14-2-28 2-42zm208 0l-8 36 10 6c2-14 2-28-2-42z', main),
  area('M142 256l-40 4c8 18 20 28 32 36zm116 0l40 4c-8 18-20 28-32 36z', main),
  line('M200 164v-42M237 191l59 29M163 191l-59 29M177 234l-35 22M223 234l35 22', dark, 6),
  ring(200, 202, 103, dark, 6),
];

const basketball: Drawing = () => [
  circle(200, 202, 106, '#e38a45'),
  line('M98 202h204M200 100v204M128 126c50 40 50 112 0 152M272 126c-50 40-50 112 0 152', '#7c3f22', 7),
  ring(200, 202, 103, '#7c3f22', 6),
  shine('M136 146c10-14 22-22 38-28', 12),
];

const volleyball: Drawing = ({ main, dark, light, pale, accent }) => [
  circle(200, 202, 106, pale),
  area('M200 202c-44-30-64-66-62-86a106 106 0 0 1 66-20c-22 36-22 72-4 106z', main),
  area('M200 202c48-22 90-18 106 0a106 106 0 0 1-16 56c-34-22-62-40-90-56z', accent),
  area('M200 202c-4 52-26 88-46 96a106 106 0 0 1-50-52c40-2 70-18 96-44z', light),
  line('M200 202c-18-34-18-70 4-106M200 202c28 16 56 34 90 56M200 202c-26 26-56 42-96 44', dark, 5),
  line('M170 190c-24-18-40-38-46-56M214 178c30-20 56-28 72-24M196 236c4 28-2 50-10 64', dark, 4),
  ring(200, 202, 103, dark, 5),
];

const dumbbell: Drawing = ({ main, dark, light }) => [
  turned(
    -24,
    rect(120, 188, 160, 24, 6, iron),
    rect(92, 134, 42, 132, 14, main),
    rect(60, 156, 34, 88, 12, dark),
    rect(266, 134, 42, 132, 14, main),
    rect(306, 156, 34, 88, 12, dark),
    line('M106 152v60M280 152v60', light, 8),
    line('M176 190v20M192 190v20M208 190v20M224 190v20', steel, 4),
  ),
];

const kettlebell: Drawing = ({ main, dark, pale }) => [
  line('M150 196c-46-132 146-132 100 0', dark, 28),
  area('M200 150c56 0 92 40 92 88 0 32-16 54-40 70H148c-24-16-40-38-40-70 0-48 36-88 92-88z', main),
  circle(200, 232, 40, pale),
  ring(200, 232, 28, main, 7),
  shine('M130 226c4-20 12-32 24-40'),
];

const racket: Drawing = ({ main, dark, light, accent }) => [
  turned(
    36,
    faded(0.85, line('M160 62v112M180 48v140M200 44v146M220 48v140M240 62v112M138 88h124M132 110h136M132 132h136M140 154h120', '#fff', 3)),
    `<ellipse cx="200" cy="118" rx="72" ry="84" fill="none" stroke="${main}" stroke-width="15"/>`,
    line('M170 194l26 52M230 194l-26 52', main, 11),
    rect(185, 238, 30, 112, 12, dark),
    line('M188 270l24-10M188 292l24-10M188 314l24-10', light, 5),
  ),
  circle(296, 272, 30, accent),
  line('M276 252c14 10 16 28 8 46', '#fff', 4),
];

const bat: Drawing = ({ main, dark }) => [
  turned(
    32,
    rect(182, 228, 36, 110, 14, wood),
    circle(200, 158, 92, dark),
    circle(200, 154, 88, main),
    area('M130 208h140c-16 22-40 34-70 34s-54-12-70-34z', wood),
    shine('M146 124c8-18 20-28 34-32', 12),
  ),
  circle(304, 276, 26, paper),
  faded(0.3, ellipse(308, 284, 16, 12, ink)),
];

const yogaMat: Drawing = ({ main, dark, light, pale }) => [
  area('M112 270h222a14 14 0 0 1 0 38H112z', light),
  rect(106, 182, 200, 126, 0, main),
  ellipse(306, 245, 34, 63, main),
  ellipse(106, 245, 36, 63, dark),
  ...['M106 205a24 40 0 1 1-2 80a17 30 0 0 1 2-60a10 18 0 0 1 0 38', ''].filter(Boolean).map((d) => line(d, light, 6)),
  line('M170 183c16 20 16 104 0 124M252 183c16 20 16 104 0 124', pale, 11),
  line('M172 186c0-84 84-84 82 0', dark, 10),
];

const yogaBlock: Drawing = ({ main, dark }) => [
  ...[
    [212, 96],
    [108, 84],
  ].flatMap(([y = 0, x = 0]) => [
    rect(x, y, 212, 96, 18, '#d3a878'),
    rect(x, y, 212, 30, 15, '#e3c096'),
    ...[30, 74, 118, 160, 188].map((dx, index) => ellipse(x + dx, y + 52 + (index % 3) * 14, 6, 4, bark)),
    rect(x + 86, y, 40, 96, 0, y > 150 ? main : dark),
  ]),
];

const rope: Drawing = ({ main, dark, accent }) => [
  line('M126 198C60 330 150 330 200 236s20-140-30-120 0 130 60 170 150-20 52-166', accent, 8),
  turned(14, rect(112, 92, 30, 112, 14, main), line('M116 124h22M116 146h22M116 168h22', dark, 5)),
  turned(-18, rect(256, 64, 30, 112, 14, main), line('M260 96h22M260 118h22M260 140h22', dark, 5)),
];

const bottle: Drawing = ({ main, dark, light, pale }) => [
  line('M176 96c0-46 48-46 48 0', dark, 10),
  rect(162, 84, 76, 50, 12, dark),
  area('M152 160c0-20 10-30 22-30h52c12 0 22 10 22 30v120a28 28 0 0 1-28 28h-40a28 28 0 0 1-28-28z', main),
  rect(152, 206, 96, 54, 0, light),
  area('M200 214l20 36h-40z', pale),
  shine('M170 164v28M170 272v14'),
];

const helmet: Drawing = ({ main, dark, light, accent }) => [
  line('M134 248c10 40 40 60 62 60s46-30 52-60', ink, 9),
  area('M76 240c0-92 56-146 130-146s122 62 122 132c0 22-12 30-32 30H96c-14 0-20-6-20-16z', main),
  area(
    'M104 220c4-52 24-82 54-98 4 34-4 74-26 100zm62 0c14-40 18-74 12-104 20-4 36 0 44 4 8 38 2 72-10 100zm78 0c10-30 14-56 10-84 26 18 42 46 44 80z',
    dark,
  ),
  rect(76, 232, 252, 26, 13, accent),
  shine('M98 196c6-34 20-56 40-70', 8),
  line('M236 112c20 8 36 22 46 40', light, 7),
];

const goggles: Drawing = ({ main, dark, light }) => [
  line('M84 214c-40-60 20-110 116-110s156 50 116 110', dark, 15),
  line('M176 214c12-14 36-14 48 0', dark, 13),
  rect(66, 174, 120, 92, 42, main),
  rect(214, 174, 120, 92, 42, main),
  rect(80, 188, 92, 64, 30, light),
  rect(228, 188, 92, 64, 30, light),
  shine('M100 222l24-24M248 222l24-24', 12),
  faded(0.6, line('M70 306q22-20 44 0t44 0 44 0 44 0 44 0 44 0', '#5aa7d6', 8)),
];

const boxingGlove: Drawing = ({ main, dark, light, pale, accent }) => [
  area('M132 232c-28-80 6-150 88-150 66 0 92 46 84 102-6 40-26 52-28 84H150c0-16-12-22-18-36z', main),
  area('M128 178c-38 8-40 62 0 82 28 12 56 0 58-30-22 4-40-14-36-36-8-4-14-20-22-16z', dark),
  line('M188 120c30-14 60-8 76 16', light, 10),
  rect(142, 258, 140, 50, 12, pale),
  rect(142, 272, 140, 16, 0, accent),
];

const stopwatch: Drawing = ({ main, dark, accent }) => [
  rect(182, 62, 36, 44, 8, dark),
  rect(170, 52, 60, 20, 8, main),
  turned(42, rect(188, 70, 24, 34, 6, dark)),
  circle(200, 206, 104, main),
  circle(200, 206, 82, paper),
  ...[0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330].map(
    (turn) => `<rect x="197" y="132" width="6" height="14" fill="${ink}" transform="rotate(${turn} 200 206)"/>`,
  ),
  area('M200 206V124a82 82 0 0 1 71 41z', accent),
  line('M200 206l58-34', ink, 7),
  circle(200, 206, 10, ink),
];

const chalkBag: Drawing = ({ main, dark, light, pale, accent }) => [
  line('M122 168C10 120 70 60 200 60s190 60 78 108', dark, 15),
  rect(96, 72, 40, 26, 6, ink),
  faded(0.85, circle(164, 122, 20, '#fff'), circle(200, 108, 26, '#fff'), circle(238, 122, 19, '#fff')),
  area('M120 150h160l10 110c0 30-30 48-90 48s-90-18-90-48z', main),
  ellipse(200, 150, 80, 22, dark),
  ellipse(200, 153, 64, 13, pale),
  `<path d="M118 190q82 30 164 0" fill="none" stroke="${accent}" stroke-width="7" stroke-dasharray="14 10"/>`,
  area('M200 222l34 56h-68z', light),
  area('M200 222l13 21-8 6-5-6-6 7-7-7z', '#fff'),
];

const shuttlecock: Drawing = ({ main, dark, light }) => [
  moved(
    0,
    -6,
    turned(
      28,
      ...[-34, -20, -6, 8, 22, 36].map((x) =>
        area(`M${192 + x / 2} 236L${178 + x * 1.9} 84q14-22 24 0L${204 + x / 2} 236z`, x % 4 ? '#fff' : light),
      ),
      line('M140 136h122M154 178h94', main, 8),
      rect(160, 230, 80, 22, 8, main),
      area('M162 252h76c0 36-14 60-38 60s-38-24-38-60z', dark),
    ),
  ),
];

/** Drawings of things for sport. */
export const sports: readonly Choice[] = [
  [/football/i, football],
  [/basketball/i, basketball],
  [/volleyball/i, volleyball],
  [/dumbbell|weights/i, dumbbell],
  [/kettlebell/i, kettlebell],
  [/shuttlecock/i, shuttlecock],
  [/racket/i, racket],
  [/bats/i, bat],
  [/block/i, yogaBlock],
  [/yoga|roller/i, yogaMat],
  [/bottle|flask/i, bottle],
  [/helmet/i, helmet],
  [/goggles/i, goggles],
  [/chalk/i, chalkBag],
  [/gloves/i, boxingGlove],
  [/stopwatch/i, stopwatch],
  [/./, rope],
];
