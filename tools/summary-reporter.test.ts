import { expect, test, vi } from 'vitest';
import SummaryReporter from './summary-reporter.ts';

type Modules = Parameters<SummaryReporter['onTestRunEnd']>[0];

function moduleOf(states: readonly string[], errors: readonly Error[] = []): Modules[number] {
  const tests = states.map((state) => ({ result: () => ({ state }) }));
  return { errors: () => errors, children: { allSuites: () => [{ errors: () => [] }], allTests: () => tests } } as never;
}

function lineOf(modules: Modules, unhandled: readonly Error[] = []): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  new SummaryReporter().onTestRunEnd(modules, unhandled as never, 'passed');
  const lines = write.mock.calls.map(([text]) => text).join('');
  write.mockRestore();
  return lines;
}

test('a run ends with one line that scripts can read', () => {
  expect(lineOf([moduleOf(['passed', 'passed']), moduleOf(['passed'])])).toBe('3 passed, 0 failed\n');
  expect(lineOf([])).toBe('0 passed, 0 failed\n');
});

test('skipped tests are counted separately', () => {
  expect(lineOf([moduleOf(['passed', 'skipped', 'failed'])])).toBe('1 passed, 1 failed, 1 skipped\n');
});

test('files that do not load, errors outside tests and tests that never ended count as failed', () => {
  expect(lineOf([moduleOf([], [new Error('no such module')]), moduleOf(['passed', 'pending'])], [new Error('late')])).toBe(
    '1 passed, 3 failed\n',
  );
});
