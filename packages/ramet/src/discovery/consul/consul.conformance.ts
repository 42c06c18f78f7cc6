import { discoveryConformance } from '../conformance.ts';
import { fastPlatform, SPEED } from '../memory.fixture.ts';
import { capabilities, consul } from './consul.ts';
import { ConsulDouble } from './registry.fixture.ts';

discoveryConformance('consul, before a double of the registry', {
  capabilities,
  place: async () => {
    const fast = fastPlatform();
    const registry = new ConsulDouble(fast.timers);
    const platform = { ...fast, http: registry.http };
    return {
      platform,
      speed: SPEED,
      discovery: (onError) => consul('http://127.0.0.1:8500', { allow: ['loopback'] }).create({ platform, onError }),
      cut: async () => registry.fall(),
      mend: async () => {
        registry.down = false;
      },
      forget: async () => registry.forget(),
      dispose: async () => {},
    };
  },
  exceptions: {
    'an instance that fails its check is excluded, and found again when it passes': 'the double runs no checks; a real Consul does',
  },
});
