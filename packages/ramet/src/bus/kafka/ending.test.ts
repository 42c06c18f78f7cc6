import { expect, test } from 'vitest';
import { Ending } from './ending.ts';

test('what has come before the end is given as it is', async () => {
  const ending = new Ending();
  await expect(ending.of(Promise.resolve(7))).resolves.toBe(7);
  await expect(ending.of(Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError);
});

test('what has not come at the end is let go of, and so is what is asked for later', async () => {
  const ending = new Ending();
  const never = ending.of(new Promise(() => {}));
  ending.end();
  await expect(never).rejects.toMatchObject({ code: 'ShuttingDown' });
  await expect(ending.of(new Promise(() => {}))).rejects.toMatchObject({ code: 'ShuttingDown' });
});

test('what fails after the end disturbs nobody', async () => {
  const ending = new Ending();
  const { promise, reject } = Promise.withResolvers<void>();
  const late = ending.of(promise);
  ending.end();
  await expect(late).rejects.toMatchObject({ code: 'ShuttingDown' });
  reject(new Error('late'));
  await new Promise((resolve) => setImmediate(resolve));
});
