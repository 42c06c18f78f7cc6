import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { logEvents } from './log-events.ts';

test('finds nothing where each line of the log is an event', () => {
  expect(found(logEvents, 'log-events', 'right')).toEqual([]);
});

test('names each line of the log that has no event', () => {
  const finding = "log-events  a line of the log without an event (write log.event('<event>', fields); the table is errors/log-events.ts)";
  expect(found(logEvents, 'log-events', 'wrong')).toEqual(
    [2, 3, 5, 6, 8, 9].map((line) => `packages/ramet/src/service/a.ts:${line}  ${finding}`),
  );
});
