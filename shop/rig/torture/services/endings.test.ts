import { expect, test } from 'vitest';
import { type Ending, endingsIn, unasked } from './endings.ts';

const seen = (process: string, how: string, mono: number): Ending => ({ process, how, mono, planned: false });
const asked = (process: string, how: string, mono: number): Ending => ({ process, how, mono, planned: true });

test('what the fleet says of those that ended is read from among the log', () => {
  const said =
    '{"level":"info","msg":"x"}\norders ended (SIGKILL) and is started again\nweb ended (0) and is started again\nready\naudit ended (SIGKILL) when it was stopped\n';
  expect(endingsIn(said)).toEqual([
    { process: 'orders', how: 'SIGKILL' },
    { process: 'web', how: '0' },
    { process: 'audit', how: 'SIGKILL' },
  ]);
});

test('each ending needs a requested one, before it and of its kind', () => {
  expect(unasked([asked('orders', 'SIGKILL', 1), seen('orders', 'SIGKILL', 2)])).toEqual([]);
  expect(unasked([asked('orders', 'SIGKILL', 1), seen('orders', 'SIGKILL', 2), seen('orders', 'SIGKILL', 3)])).toHaveLength(1);
  expect(unasked([asked('orders', '0', 1), seen('orders', '1', 2)])).toEqual(['orders ended unexpectedly (1)']);
  expect(unasked([seen('orders', 'SIGKILL', 1), asked('orders', 'SIGKILL', 2)])).toHaveLength(1);
});
