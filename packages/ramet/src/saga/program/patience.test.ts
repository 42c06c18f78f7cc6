import { expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract } from '../../contract/index.ts';
import { type BreakerPolicy, use } from '../../rpc/index.ts';
import { saga } from '../saga.ts';
import { slowCircuits } from './patience.ts';

const Carrier = contract('carrier', { commands: { book: command({ input: z.object({}) }) } });
const over = (breaker?: BreakerPolicy | false) =>
  slowCircuits([
    saga('ship', {
      input: z.object({ id: z.string() }),
      key: 'id',
      uses: { carrier: use(Carrier, breaker === undefined ? {} : { breaker }) },
      run: async () => {},
    }),
  ]);

test('the default deadline of a step outlasts three probes of a circuit by default', () => {
  expect(over()).toEqual([]);
  expect(over(false)).toEqual([]);
  expect(over({ openFor: '8s' })).toEqual([]);
});

test('a circuit that stays open too long for the deadline of a step is named, with the values that fit', () => {
  const [slow] = over({ openFor: '30s' });
  expect(slow).toMatchObject({ saga: 'ship', target: 'carrier' });
  expect(slow?.advice).toContain("set 'openFor' to 8s or less, or give its steps a 'deadline' of 108s");
});
