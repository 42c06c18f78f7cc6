import { realPlatform } from '../../platform/index.ts';
import { discoveryConformance } from '../conformance.ts';
import { CONSUL_CAPABILITIES, consul } from './index.ts';
import { Registry } from './registry.fixture.ts';

/** Time that passes ten times as fast: nothing here waits for anybody else's clock. */
function fastPlatform() {
  const real = realPlatform();
  const { clock, timers } = real;
  return {
    ...real,
    clock: { wallNow: clock.wallNow, monoNow: () => clock.monoNow() * 10 },
    timers: {
      ...timers,
      set: (delayMs: number, fire: () => void) => timers.set(delayMs / 10, fire),
      sleep: (delayMs: number, signal?: AbortSignal) => timers.sleep(delayMs / 10, signal),
    },
  };
}

discoveryConformance('consul, before a double of the registry', {
  capabilities: CONSUL_CAPABILITIES,
  place: async () => {
    const fast = fastPlatform();
    const registry = new Registry(fast.timers);
    const platform = { ...fast, http: registry.http };
    return {
      platform,
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
    'an instance that fails its check is left out, and found again when it is well': 'the double checks nobody; a real Consul does',
  },
});
