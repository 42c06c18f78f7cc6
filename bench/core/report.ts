import type { Machine } from './machine.ts';
import type { Row } from './row.ts';
import type { Measured, RowResult } from './run-row.ts';
import { firstOf, ratio, type Spread, spread, verdicts } from './verdict.ts';

export interface Report {
  readonly machine: Machine;
  readonly rows: readonly RowResult[];
}

/** A number as people read it: three digits that count. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}

const shownSpread = (s: Spread): string => `${shown(s.median)} (${shown(s.least)}–${shown(s.most)})`;

/** One row as a table of Markdown: contenders down, figures across, and below it what was to be reached. */
export function tableOf(result: RowResult): string {
  const { row, measured } = result;
  const names = Object.keys(row.figures);
  const lines = [
    `| contender | flush | ${names.map((name) => `${name}${unitOf(row, name)}`).join(' | ')} |`,
    `|---|---|${names.map(() => '---:').join('|')}|`,
  ];
  for (const one of measured) lines.push(lineOf(result, one, names));
  lines.push('');
  for (const { target, flushUs, value, met } of verdicts(result)) {
    const found = value === undefined ? 'not measured' : `${shown(value)}: ${met ? 'met' : '**missed**'}`;
    lines.push(`- ${target}${flushUs > 0 ? `, flush ${flushUs / 1_000} ms` : ''}: ${found}`);
  }
  for (const note of row.notes ?? []) lines.push(`- ${note}`);
  const [before, after] = result.load;
  const when = `${result.at.slice(0, 16).replace('T', ' ')} UTC, commit ${result.commit}, ${result.roundsAsked} rounds`;
  lines.push(
    `- ${when}; load average ${before.toFixed(2)} before and ${after.toFixed(2)} after; a flush of the disk cost ${result.diskFlushUs} µs`,
  );
  return lines.join('\n');
}

const unitOf = ({ figures }: Row, name: string): string => (figures[name]?.unit ? `, ${figures[name].unit}` : '');

function lineOf({ row, measured }: RowResult, one: Measured, names: readonly string[]): string {
  const ours = measured.find(({ contender, flushUs }) => contender === firstOf(row) && flushUs === one.flushUs);
  const cells = names.map((name) => {
    const found = spread(one, name);
    if (!found) return one.rounds.length === 0 ? 'not run' : '';
    const against = one.role === 'peer' && ours ? ratio(ours, one, name) : undefined;
    return `${shownSpread(found)}${against && Number.isFinite(against.median) ? ` – ours × ${shown(against.median)}` : ''}`;
  });
  const name = one.role === 'ours' ? `**${one.contender}**` : one.role === 'limit' ? `_${one.contender}_` : one.contender;
  const why = one.cannot ? ` (${one.rounds.length > 0 ? `ended after ${one.rounds.length} rounds: ` : ''}${one.cannot})` : '';
  return `| ${name}${why} | ${one.flushUs > 0 ? `${one.flushUs / 1_000} ms` : 'disk'} | ${cells.join(' | ')} |`;
}

/** The whole as Markdown, to stand in docs/benchmarks.md. */
export function markdownOf({ machine, rows }: Report): string {
  const { cores, cpu, memoryGb, node } = machine;
  return [
    `${cores} cores (${cpu}), ${memoryGb} GB, Node ${node}.`,
    'Median (least–most) of the rounds; "ours × n" is our figure divided by the peer\'s, round by round, and of these the median.',
    ...rows.flatMap((result) => ['', `### ${result.row.id} ${result.row.title}`, '', tableOf(result)]),
  ].join('\n');
}
