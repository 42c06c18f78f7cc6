import { expect, test } from 'vitest';
import { FAULT_KINDS, FAULTS, type FaultKind, FaultPlan, type Intensities } from './faults.ts';

const planOf = (seed: string, options: { intensities?: Intensities; only?: ReadonlySet<string> } = {}) => {
  const plan = new FaultPlan(seed, { intensities: {}, now: () => 7, ...options });
  plan.active = true;
  return plan;
};
/** Comes by at each site so often; answers the ids of what happened. */
const comeBy = (plan: FaultPlan, kinds: readonly FaultKind[], times: number): string[] => {
  for (let n = 0; n < times; n++) for (const kind of kinds) for (const site of ['a', 'b']) plan.at(kind, site);
  return plan.fired.map(({ id }) => id);
};
const SEEDS = Array.from({ length: 400 }, (_, n) => `${n}`);

test('nothing happens before and after the trouble', () => {
  const plan = planOf('seed', { only: new Set(['kill@a#1']) });
  plan.active = false;
  expect(plan.at('kill', 'a')).toBeUndefined();
  plan.active = true;
  expect(plan.at('kill', 'a')).toBeDefined();
  expect(plan.fired).toEqual([{ id: 'kill@a#1', kind: 'kill', at: 7 }]);
});

test('exactly the faults that are named happen, whatever their kind and the mood of the seed', () => {
  const only = new Set(['kill@a#3', 'duplicate@b#1', 'skew@nowhere#1']);
  for (const seed of SEEDS.slice(0, 20))
    expect(comeBy(planOf(seed, { only }), FAULT_KINDS, 5).sort()).toEqual(['duplicate@b#1', 'kill@a#3']);
  expect(comeBy(planOf('seed', { only: new Set() }), FAULT_KINDS, 200)).toEqual([]);
});

test('what a seed does is the same in every run, and named faults alone do the same again', () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const plan = planOf(seed);
    const ids = comeBy(plan, FAULT_KINDS, 50);
    expect(comeBy(planOf(seed), FAULT_KINDS, 50)).toEqual(ids);
    expect(comeBy(planOf(seed, { only: new Set(ids) }), FAULT_KINDS, 50)).toEqual(ids);
  }
});

test('other kinds at other places do not move a fault', () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const alone = comeBy(planOf(seed), ['duplicate'], 50);
    expect(comeBy(planOf(seed), FAULT_KINDS, 50).filter((id) => id.startsWith('duplicate'))).toEqual(alone);
  }
});

test('what a fault rolls belongs to it alone', () => {
  const rolled = (only: readonly string[]) => {
    const plan = planOf('seed', { only: new Set(only) });
    const rolls: Record<string, number> = {};
    for (const site of ['a', 'b']) {
      const fault = plan.at('delay', site);
      if (fault) rolls[fault.id] = fault.roll('how long');
    }
    return rolls;
  };
  const both = rolled(['delay@a#1', 'delay@b#1']);
  expect(both['delay@a#1']).not.toBe(both['delay@b#1']);
  expect(rolled(['delay@b#1'])).toEqual({ 'delay@b#1': both['delay@b#1'] });
});

test('a fifth of all seeds has no faults, a tenth has all kinds, and the rest has some', () => {
  // Every kind that a seed has strikes at once.
  const intensities = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 10 / FAULTS[kind]]));
  const kinds = SEEDS.map((seed) => new Set(comeBy(planOf(seed, { intensities }), FAULT_KINDS, 1).map((id) => id.split('@')[0])).size);
  const share = (which: (n: number) => boolean) => kinds.filter(which).length / SEEDS.length;
  expect(share((n) => n === 0)).toBeCloseTo(0.2, 1);
  expect(share((n) => n === FAULT_KINDS.length)).toBeCloseTo(0.1, 1);
  expect(share((n) => n > 4 && n < FAULT_KINDS.length)).toBeGreaterThan(0.6);
});

test('intensity and weight make a kind as often as they say', () => {
  const times = (intensity: number, weight = 1) => {
    let n = 0;
    for (const seed of SEEDS.slice(0, 100)) {
      const plan = planOf(seed, { intensities: { duplicate: intensity } });
      for (let i = 0; i < 200; i++) if (plan.at('duplicate', 'a', weight)) n++;
    }
    return n;
  };
  const ordinary = times(1);
  expect(ordinary).toBeGreaterThan(50);
  expect(times(0)).toBe(0);
  expect(times(10) / ordinary).toBeGreaterThan(5);
  expect(times(1, 10)).toBe(times(10));
});

test('when processes are well again, messages still go wrong and nothing else does', () => {
  const everything = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 1_000]));
  const plan = new FaultPlan('0', { intensities: everything, only: undefined, now: () => 0 });
  plan.active = true;
  const striking = () => FAULT_KINDS.filter((kind) => Array.from({ length: 20 }, () => plan.at(kind, 'there')).some(Boolean));
  const before = striking();
  plan.onTheWireOnly();
  const after = striking();
  expect(after.length).toBeGreaterThan(0);
  expect(before.length).toBeGreaterThan(after.length);
  expect(after.filter((kind) => !before.includes(kind))).toEqual([]);
  for (const kind of ['kill', 'pause', 'zombie', 'partition', 'skew', 'jump', 'disk-full'] as const) expect(after).not.toContain(kind);
});
