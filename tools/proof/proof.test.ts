import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandOf, pageOf, type Results, withFigures } from './page.ts';
import { RUNS, type Run } from './runs.ts';

const root = join(import.meta.dirname, '../..');
const results = JSON.parse(readFileSync(join(import.meta.dirname, 'results.json'), 'utf8')) as Results;
const ran = { code: 0, output: '', report: undefined };
const outcomeOf = (name: string, more: object) => (RUNS[name] as Run).read({ ...ran, ...more });

describe('the pages', () => {
  test('docs/proof.md is what the results say', () => {
    expect(readFileSync(join(root, 'docs/proof.md'), 'utf8')).toBe(pageOf(RUNS, results));
  });

  test('the figures of README.md are those of the results', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(readme).toContain('<!-- proof:kills -->');
    expect(withFigures(readme, results)).toBe(readme);
  });

  test('a run that failed is written as failed, with its figures', () => {
    const failed = { ok: false, figures: '38 of 39 checks passed', date: '2026-11-30', commit: 'abc1234', machine: 'm', minutes: 3 };
    expect(pageOf(RUNS, { kills: failed })).toContain('| **failed**: 38 of 39 checks passed | 2026-11-30, abc1234 |');
    expect(withFigures('<!-- proof:kills -->old<!-- end of proof -->', { kills: failed })).toContain('**failed**: 38 of 39');
    expect(withFigures('<!-- proof:kills -->old<!-- end of proof -->', {})).toContain('never run');
  });

  test('a command is what a person types', () => {
    expect(commandOf(RUNS.tests as Run)).toBe('npm test');
    expect(commandOf(RUNS.exploration as Run)).toBe('npm run simulate -- --explore');
    expect(commandOf(RUNS.kills as Run)).toBe('npm run torture -- --kills 200');
  });

  test('every command is a script of the repository', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    for (const { script } of Object.values(RUNS)) expect(Object.keys(scripts)).toContain(script[0]);
  });
});

describe('an outcome', () => {
  test('of tests is their last sum, and holds only when none failed', () => {
    expect(outcomeOf('tests', { output: '1 passed, 0 failed\n2000 passed, 0 failed\n' })).toEqual({
      ok: true,
      figures: '2,000 passed, 0 failed',
    });
    expect(outcomeOf('tests', { code: 1, output: '2000 passed, 1 failed\n' })).toEqual({ ok: false, figures: '2,000 passed, 1 failed' });
    expect(outcomeOf('tests', { code: 1, output: '2000 passed, 0 failed\n' }).ok).toBe(false);
    expect(outcomeOf('tests', { code: null, output: 'killed' })).toEqual({ ok: false, figures: 'ended without a sum' });
  });

  test('of a simulation counts seeds, faults and broken promises', () => {
    const campaign = { seeds: 1500, faults: { kill: 20, pause: 5 }, simulatedMs: 7_200_000, nondeterministic: [], failures: [] };
    expect(outcomeOf('simulation', { report: { a: campaign, b: campaign } })).toEqual({
      ok: true,
      figures: '3,000 seeds, 50 faults, 4 simulated hours: 0 broken promises',
    });
    expect(outcomeOf('simulation', { report: { a: { ...campaign, nondeterministic: ['7'] } } }).ok).toBe(false);
    expect(outcomeOf('simulation', { code: 1 }).ok).toBe(false);
  });

  test('of an exploration sums the points of all its deployments', () => {
    const report = { paid: [{ points: 500, failures: [] }], declined: [{ points: 662, failures: [] }] };
    expect(outcomeOf('exploration', { report })).toEqual({ ok: true, figures: '1,162 points: 0 broken promises' });
    expect(outcomeOf('exploration', { report: { paid: [{ points: 1, failures: ['x'] }] } }).ok).toBe(false);
  });

  test('of planted defects says how many seeds they took', () => {
    const output = 'found a (w): after 121 seeds, 3 s; x\nfound b (w): after 2 seeds, 1 s; x\n2 passed, 0 failed\n';
    expect(outcomeOf('planted', { output })).toEqual({ ok: true, figures: '2 of 2 found, each within 121 seeds' });
    expect(outcomeOf('planted', { code: 1, output: 'NOT FOUND a\n1 passed, 1 failed\n' })).toEqual({ ok: false, figures: '1 of 2 found' });
  });

  test('of a torture holds when every check held', () => {
    const report = {
      ...{ seed: 7, kills: { total: 200 }, orders: { placed: 1234 }, requests: { total: 56789 }, events: 4321, seconds: 1234 },
      judgements: [{ violations: [] }, { violations: [] }],
    };
    expect(outcomeOf('kills', { report })).toEqual({
      ok: true,
      figures: '200 in 21 min (seed 7); 56,789 requests, 1,234 orders, 4,321 events: 2 of 2 checks passed',
    });
    expect(outcomeOf('kills', { report: { ...report, judgements: [{ violations: ['lost'] }] } }).ok).toBe(false);
    expect(outcomeOf('kills', { code: 1 })).toEqual({ ok: false, figures: 'ended without a report' });
  });
});
