import { median } from './measure.ts';
import type { Figure, Row, Target } from './row.ts';
import type { Measured, RowResult } from './run-row.ts';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Verdict {
  readonly target: string;
  readonly flushUs: number;
  readonly value: number | undefined;
  readonly met: boolean | undefined;
}

/** Median and range over the rounds; undefined where there are none. */
export function spread(measured: Measured, figure: string): Spread | undefined {
  const values = measured.rounds.map((round) => round[figure]).filter((value): value is number => value !== undefined);
  if (values.length === 0) return undefined;
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Ours by theirs, round by round, because the machine drifts: the median and range of that. */
export function ratio(ours: Measured, theirs: Measured, figure: string): Spread | undefined {
  const pairs = Math.min(ours.rounds.length, theirs.rounds.length);
  const values: number[] = [];
  for (let i = 0; i < pairs; i++) {
    const [a, b] = [ours.rounds[i]?.[figure], theirs.rounds[i]?.[figure]];
    if (a !== undefined && b !== undefined) values.push(a / b);
  }
  return values.length === 0 ? undefined : { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

export const firstOf = (row: Row): string => row.contenders.find(({ role }) => role === 'ours')?.name ?? '';

/** Whether each target of a row is met. */
export function verdicts({ row, measured }: RowResult): Verdict[] {
  return row.targets.map((target) => {
    const us = target.flush === 'slow' ? Math.max(...measured.map(({ flushUs }) => flushUs)) : 0;
    const find = (name: string | undefined) => measured.find(({ contender, flushUs }) => contender === name && flushUs === us);
    const ours = find(target.of ?? firstOf(row));
    const figure = row.figures[target.figure] as Figure;
    const value = ours && judged(target, ours, find);
    const met = value === undefined ? undefined : figure.better === 'lower' ? value <= target.bound : value >= target.bound;
    return { target: inWords(target, figure, firstOf(row)), flushUs: us, value, met };
  });
}

function judged(target: Target, ours: Measured, find: (name: string | undefined) => Measured | undefined): number | undefined {
  if (target.to !== undefined) {
    const theirs = find(target.to);
    return theirs && ratio(ours, theirs, target.figure)?.median;
  }
  const own = spread(ours, target.figure)?.median;
  if (target.beside === undefined || own === undefined) return own;
  const beside = find(target.beside);
  const taken = beside && spread(beside, target.figure)?.median;
  return taken === undefined ? undefined : own - taken;
}

function inWords(target: Target, { unit, better }: Figure, ours: string): string {
  const sign = better === 'lower' ? '≤' : '≥';
  const of = target.of !== undefined && target.of !== ours ? ` of ${target.of}` : '';
  if (target.to !== undefined) return `${target.figure}${of} ${sign} ${target.bound} × ${target.to}`;
  const beside = target.beside === undefined ? '' : ` beside ${target.beside}`;
  return `${target.figure}${of}${beside} ${sign} ${target.bound.toLocaleString('en')} ${unit}`.trim();
}
