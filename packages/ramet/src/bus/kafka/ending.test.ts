import { expect, test } from 'vitest';
import { Ending } from './ending.ts';

test('an answer before the end is given as it is', async () => {
  const ending = new Ending();
  await expect(ending.of(Promise.resolve(7))).resolves.toBe(7);
  await expect(ending.of(Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError);
});

test('a wait that is open at the end is released, and so is a later one', async () => {
  const ending = new Ending();
  const never = ending.of(new Promise(() => {}));
  ending.end();
  await expect(never).rejects.toMatchObject({ code: 'ShuttingDown' });
  await expect(ending.of(new Promise(() => {}))).rejects.toMatchObject({ code: 'ShuttingDown' });
});

test('a failure after the end is not reported', async () => {
  const ending = new Ending();
  const { promise, reject } = Promise.withResolvers<void>();
  const late = ending.of(promise);
  ending.end();
  await expect(late).rejects.toMatchObject({ code: 'ShuttingDown' });
  reject(new Error('late'));
  await new Promise((resolve) => setImmediate(resolve));
});
