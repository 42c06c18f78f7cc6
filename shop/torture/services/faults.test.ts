import { describe, expect, test } from 'vitest';
import { randomOf } from '../random.ts';
import { type BusName, planFaults, wordsOf } from './faults.ts';

const PROCESSES = ['users', 'orders', 'payments', 'web'];
const plan = (seed: number, kills = 260, bus: BusName = 'postgres') =>
  planFaults({ kills, secondsMin: 0.3, secondsMax: 2.5, bus, processes: PROCESSES, replicated: ['orders', 'payments'] }, randomOf(seed));

describe('the plan of faults', () => {
  test('is the same under the same seed, and another under another', () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  test('has every kind of fault, and restarts a broker only where there is one', () => {
    const kinds = (bus: BusName) =>
      new Set(plan(3, 28, bus).map(({ fault }) => (fault.kind === 'restart' ? `restart ${fault.engine}` : fault.kind)));
    const all = ['kill', 'kill all', 'pause', 'terminate', 'replace', 'restart postgres', 'restart consul', 'cut', 'cut commits', 'hold'];
    expect(kinds('postgres')).toEqual(new Set(all));
    expect(kinds('kafka')).toEqual(new Set([...all, 'restart kafka']));
  });

  test('spares no process, and pauses replicas for longer than their lease', () => {
    const faults = plan(4).map(({ fault }) => fault);
    const killed = faults.flatMap((fault) => (fault.kind === 'kill' ? fault.targets.map(({ process }) => process) : []));
    expect(new Set(killed)).toEqual(new Set(PROCESSES));
    const pauses = faults.filter((fault) => fault.kind === 'pause');
    const long = pauses.filter(({ seconds }) => seconds > 15);
    expect(new Set(long.map(({ target }) => target.process))).toEqual(new Set(['orders', 'payments']));
    expect(Math.max(...pauses.map(({ seconds }) => seconds))).toBeLessThanOrEqual(20);
  });

  test('has a line for each', () => {
    for (const { fault } of plan(5, 28, 'kafka')) expect(wordsOf(fault)).toMatch(/\w/);
  });
});
