import { discoveryConformance } from './conformance.ts';
import { fastPlatform, MEMORY_CAPABILITIES, MemoryServer, SPEED } from './memory.fixture.ts';

discoveryConformance('a registry with four methods', {
  capabilities: MEMORY_CAPABILITIES,
  place: async () => {
    const platform = fastPlatform();
    const server = new MemoryServer();
    return {
      platform,
      speed: SPEED,
      discovery: (onError) => server.factory.create({ platform, onError }),
      cut: async () => server.fall(),
      mend: async () => {
        server.down = false;
      },
      forget: async () => server.forget(),
      dispose: async () => {},
    };
  },
});
