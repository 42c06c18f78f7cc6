import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import type { Registration, Registry } from './index.ts';
import { Registrations } from './registrations.ts';

/** A registry that knows ids, and keeps one of them only when the test lets it. */
class SlowRegistry implements Registry {
  readonly name = 'a slow registry';
  readonly known = new Set<string>();
  readonly keeping = Promise.withResolvers<void>();
  readonly mayKeep = Promise.withResolvers<void>();

  async register({ id }: Registration): Promise<void> {
    this.known.add(id);
  }

  async keep({ id }: Registration): Promise<void> {
    if (id === 'slow') {
      this.keeping.resolve();
      await this.mayKeep.promise;
    }
    this.known.add(id);
  }

  async withdraw(id: string): Promise<void> {
    this.known.delete(id);
  }

  async look() {
    return { instances: [], position: undefined };
  }
}

const registration = (id: string): Registration => ({
  id,
  service: `service ${id}`,
  endpoints: [{ protocol: 'mux', host: '127.0.0.1', port: 1 }],
  tags: [],
  healthUrl: 'http://127.0.0.1:2/readyz',
});

test('what is taken back while it is being kept stays taken back, also when two services leave at once', async () => {
  const registry = new SlowRegistry();
  const errors: unknown[] = [];
  const registrations = new Registrations(registry, { platform: realPlatform(), onError: (error) => void errors.push(error) });
  await registrations.add(['slow', 'other', 'staying'].map(registration));
  await registry.keeping.promise;
  const first = registrations.withdraw(['service other']);
  const second = registrations.withdraw(['service slow']);
  await second;
  registry.mayKeep.resolve();
  await first;
  expect([...registry.known]).toEqual(['staying']);
  await registrations.withdraw();
  expect([...registry.known]).toEqual([]);
  expect(errors).toEqual([]);
});
