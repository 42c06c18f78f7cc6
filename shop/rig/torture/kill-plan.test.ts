import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Death, POINTS, planDeaths } from './kill-plan.ts';
import { randomOf } from './random.ts';

const plan = (seed: number, kills = 600) => planDeaths({ kills, secondsMin: 0.3, secondsMax: 2.5 }, randomOf(seed));

describe('the plan of deaths', () => {
  test('is the same under the same seed, and another under another', () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  test('ends a third of the lives at points, and the others at moments within the bounds', () => {
    const deaths = plan(3);
    const points = deaths.filter((death) => death.kind === 'point');
    expect(points.length / deaths.length).toBeGreaterThan(0.25);
    expect(points.length / deaths.length).toBeLessThan(0.42);
    expect(new Set(points.map(({ stopAt }) => stopAt.split('#')[0]))).toEqual(new Set(Object.keys(POINTS)));
    for (const { afterReadyMs } of deaths.filter((death): death is Death & { kind: 'moment' } => death.kind === 'moment')) {
      expect(afterReadyMs).toBeGreaterThanOrEqual(300);
      expect(afterReadyMs).toBeLessThanOrEqual(2_500);
    }
  });

  test('names only points that the framework has', () => {
    const folder = fileURLToPath(new URL('../../../packages/ramet/src/', import.meta.url));
    const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.(test|conformance|fixture)\.ts$/.test(name))
      .map((name) => readFileSync(`${folder}${name}`, 'utf8'))
      .join('\n');
    for (const point of Object.keys(POINTS)) expect(code).toContain(`'${point}'`);
  });
});
