import { expect, test } from 'vitest';
import type { HostedService } from '../service/index.ts';
import { ADMIN_ROUTES } from './contract/index.ts';
import { serveThing } from './serve.ts';

test('a thing is found in its service while another service stops', async () => {
  const services = ['first', 'second', 'third'].map((name) => ({ name }) as HostedService);
  const route = serveThing(ADMIN_ROUTES.replayDeadLetter, 'NotFound', services, async ({ name }) => {
    if (name === 'first') services.splice(0, 1);
    return name === 'second' ? { subscriber: name } : undefined;
  });
  expect(await route.run({ params: { id: 'letter' }, query: {}, body: undefined })).toEqual({ subscriber: 'second' });
});
