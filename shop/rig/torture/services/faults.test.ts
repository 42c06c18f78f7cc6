import { describe, expect, test } from 'vitest';
import { randomOf } from '../random.ts';
import { type BusName, kindOf, POINTS, planFaults, wordsOf } from './faults.ts';

const PROCESSES = ['users', 'orders', 'payments', 'web'];
const CALLED = ['users', 'orders', 'payments'];
const plan = (seed: number, kills = 260, bus: BusName = 'postgres') =>
  planFaults(
    { kills, secondsMin: 0.3, secondsMax: 2.5, bus, processes: PROCESSES, called: CALLED, replicated: ['orders', 'payments'] },
    randomOf(seed),
  );

describe('the plan of faults', () => {
  test('is the same under the same seed, and another under another', () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  test('has every kind of fault within forty, and touches a broker only where there is one', () => {
    const kinds = (bus: BusName) => new Set(plan(3, 40, bus).map(({ fault }) => kindOf(fault)));
    const ways = ['postgres restart', 'consul restart', 'postgres cut', 'postgres hold', 'processes cut', 'processes hold', 'consul hold'];
    const all = ['kill', 'kill at point', 'kill all', 'pause', 'terminate', 'replace', 'cut commits', ...ways];
    expect(kinds('postgres')).toEqual(new Set(all));
    expect(kinds('kafka')).toEqual(new Set([...all, 'kafka restart', 'kafka cut', 'kafka hold']));
  });

  test('cuts and holds the ways between all processes, and those to each that is called', () => {
    const cut = plan(6).flatMap(({ fault }) =>
      (fault.kind === 'cut' || fault.kind === 'hold') && fault.line === 'processes' ? [fault] : [],
    );
    for (const kind of ['cut', 'hold'])
      expect(new Set(cut.filter((fault) => fault.kind === kind).map(({ target }) => target?.process))).toEqual(
        new Set([undefined, ...CALLED]),
      );
    // A connection that says nothing is taken for dead after 10 s: some are held for longer.
    const held = cut.flatMap((fault) => (fault.kind === 'hold' ? [fault.seconds] : []));
    expect(Math.max(...held)).toBeGreaterThan(10);
    expect(Math.max(...held)).toBeLessThanOrEqual(12);
  });

  test('kills at every point, and each in a process that passes it', () => {
    const at = plan(7, 600).flatMap(({ fault }) => (fault.kind === 'kill at point' ? [fault] : []));
    expect(new Set(at.map(({ stopAt }) => stopAt.split('#')[0]))).toEqual(new Set(Object.keys(POINTS)));
    for (const { stopAt, target } of at) {
      const [point = '', nth] = stopAt.split('#');
      expect(Number(nth)).toBeGreaterThan(0);
      expect(POINTS[point]?.by ?? [target.process]).toContain(target.process);
    }
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
    for (const { fault } of plan(5, 40, 'kafka')) expect(wordsOf(fault)).toMatch(/\w/);
  });
});
