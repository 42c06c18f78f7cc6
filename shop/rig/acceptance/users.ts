import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bodyOf } from '../harness/client.ts';
import { expectProblem, type Suite } from './suite.ts';

export function users(suite: Suite): void {
  describe('a customer', () => {
    test('registers, logs in, and the token opens only what belongs to the customer', async () => {
      const email = `${randomUUID()}@example.test`;
      const registered = await suite.client.register({ email, password: 'correct horse', name: 'Grace Hopper' });
      expect(registered).toMatchObject({ status: 201, body: { userId: expect.stringMatching(/^.+$/) } });
      const session = bodyOf(await suite.client.logIn({ email, password: 'correct horse' }), 201);
      expect(session).toEqual({ accessToken: expect.any(String), expiresIn: expect.any(Number) });
      expect(session.expiresIn).toBeGreaterThan(0);
      expect(await suite.client.request('GET', '/api/orders', { token: session.accessToken })).toMatchObject({
        status: 200,
        body: { items: [] },
      });
    });

    test('an address that is taken is refused with 409, in whatever case it is written', async () => {
      const email = `${randomUUID()}@example.test`;
      const user = { email, password: 'correct horse', name: 'Grace Hopper' };
      bodyOf(await suite.client.register(user), 201);
      for (const again of [email, email.toUpperCase()]) {
        expectProblem(await suite.client.register({ ...user, email: again, password: 'another horse' }), 409, 'EmailTaken');
      }
      // The first registration stands.
      bodyOf(await suite.client.logIn({ email, password: 'correct horse' }), 201);
      expectProblem(await suite.client.logIn({ email, password: 'another horse' }), 401);
    });

    test('a wrong password and an unknown address are refused in the same words', async () => {
      const { email } = await suite.client.customer();
      const wrong = expectProblem(await suite.client.logIn({ email, password: 'wrong password' }), 401, 'InvalidCredentials');
      const unknown = expectProblem(await suite.client.logIn({ email: `${randomUUID()}@example.test`, password: 'wrong password' }), 401);
      expect({ ...unknown, correlationId: '' }).toEqual({ ...wrong, correlationId: '' });
    });

    test('the eleventh login of an account in 15 minutes is refused, and another account still logs in', async () => {
      const { email, password } = await suite.client.customer();
      // Logging in for the first time was one of the ten.
      for (let i = 0; i < 9; i++) {
        const answer = await suite.client.logIn({ email: i % 2 === 0 ? email : email.toUpperCase(), password: 'wrong password' });
        expect(answer.status).toBe(401);
      }
      const refused = await suite.client.logIn({ email, password });
      expectProblem(refused, 429, 'TooManyRequests');
      const seconds = Number(refused.headers['retry-after']);
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(15 * 60);
      await suite.client.customer();
    });

    test('a blocked customer cannot order until an operator lifts it', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const order = { lines: [{ sku: product.sku, quantity: 1 }], card: { number: '4242424242424242' } };
      await suite.shop.operator('block', customer.email);
      expectProblem(await customer.place(order), 403, 'CustomerBlocked');
      expect(bodyOf(await customer.orders()).items).toEqual([]);
      await suite.shop.operator('unblock', customer.email);
      const { orderId } = bodyOf(await customer.place(order), 202);
      expect((await customer.settled(orderId)).status).toBe('confirmed');
    });

    test('blocking an unknown customer says so and fails', async () => {
      await expect(suite.shop.operator('block', 'absent@example.test')).rejects.toThrow(/NoSuchCustomer/);
    });
  });
}
