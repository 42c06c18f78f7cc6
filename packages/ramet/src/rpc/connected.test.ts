import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import { compileUses } from './clients.ts';
import { external } from './index.ts';
import { localTransport } from './local/index.ts';

class Refused extends Error {}

const origin = {
  meta: {
    caller: ANONYMOUS,
    trace: { correlationId: 'cor_1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    depth: 0,
  },
  remainingMs: () => Number.POSITIVE_INFINITY,
  signal: undefined,
};

function clientOf(client: { send(to: string): Promise<string> }, policy: object = {}) {
  const declared = external('mail', { connect: () => client, failed: (error) => !(error instanceof Refused), ...policy });
  const { uses } = compileUses(realPlatform(), localTransport(new Map()), 'test', { mail: declared });
  return uses.all(origin)['mail'] as typeof client;
}

test('a method answers what the client answers, and throws what it throws', async () => {
  const mail = clientOf({
    async send(to) {
      if (to === 'unknown') throw new Refused('no such mailbox');
      return `sent to ${to}`;
    },
  });
  expect(await mail.send('ada')).toBe('sent to ada');
  await expect(mail.send('unknown')).rejects.toBeInstanceOf(Refused);
});

test('a client that fails again and again is no longer called; an error that is not a failure does not count', async () => {
  let calls = 0;
  let error: Error = new Refused();
  const mail = clientOf({
    send() {
      calls++;
      return Promise.reject(error);
    },
  });
  for (let i = 0; i < 10; i++) await expect(mail.send('ada')).rejects.toBeInstanceOf(Refused);
  error = new Error('connection reset');
  for (let i = 0; i < 5; i++) await expect(mail.send('ada')).rejects.toThrow('connection reset');
  await expect(mail.send('ada')).rejects.toMatchObject({ code: 'CircuitOpen' });
  expect(calls).toBe(15);
});

test('a method that does not end in time is given up', async () => {
  const mail = clientOf({ send: () => new Promise(() => {}) }, { timeout: '30ms' });
  await expect(mail.send('ada')).rejects.toMatchObject({ code: 'DeadlineExceeded' });
});
