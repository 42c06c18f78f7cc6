import { type Case, conformanceSuite, type Exceptions } from '../platform/cases.conformance.ts';
import { realPlatform } from '../platform/index.ts';
import { DiscoveryFixture, type DiscoveryPlace, type HealthServer, muxAt, registration, serveHealth } from './fixture.conformance.ts';
import type { DiscoveryCapabilities, Registration } from './index.ts';
import { knownCases } from './known.conformance.ts';
import { outageCases } from './outage.conformance.ts';
import { registryCases } from './registry.conformance.ts';

/** What an adapter of {@link Discovery} gives to its conformance suite. */
export interface DiscoveryHarness {
  readonly capabilities: DiscoveryCapabilities;
  /**
   * An empty registry, for one case alone.
   * @param known the instances that are listed already, where processes do not register themselves; empty otherwise
   */
  place(known: readonly Registration[]): Promise<DiscoveryPlace>;
  readonly exceptions?: Exceptions;
}

/** Registers the tests that every adapter of {@link Discovery} passes; `capabilities` chooses among them. */
export function discoveryConformance(name: string, harness: DiscoveryHarness): void {
  const { capabilities } = harness;
  const onDiscovery = (known: readonly Registration[]) => (run: (fixture: DiscoveryFixture) => Promise<void>) => async () => {
    const health = await serveHealth();
    const fixture = new DiscoveryFixture(capabilities, await harness.place(capabilities.registers ? [] : known), health);
    try {
      if (capabilities.registers && known.length > 0) await fixture.process().register(known.map((one) => checkedBy(health, one)));
      await run(fixture);
    } finally {
      await fixture.dispose();
    }
  };
  const platform = realPlatform();
  const several = { endpoints: [muxAt(20_001), { protocol: 'http', host: '127.0.0.1', port: 20_002 }] };
  const known = [registration(platform, 'orders', 1), registration(platform, 'orders', 1, several), registration(platform, 'stock', 1)];
  conformanceSuite(`${name} as a discovery`, harness.exceptions, (it: Case) => {
    knownCases(it, onDiscovery(known), known);
    if (!capabilities.registers) return;
    registryCases(it, onDiscovery([]), capabilities);
    outageCases(it, onDiscovery([]));
  });
}

const checkedBy = ({ port }: HealthServer, one: Registration): Registration => ({ ...one, healthUrl: `http://127.0.0.1:${port}/health` });
