import { type Case, conformanceSuite } from '../platform/cases.conformance.ts';
import { callCases } from './call.conformance.ts';
import { RpcFixture, type TransportHarness } from './fixture.conformance.ts';
import { policyCases } from './policy.conformance.ts';
import { remoteCases } from './remote.conformance.ts';
import { streamCases } from './stream.conformance.ts';
import { valueCases } from './value.conformance.ts';

/** Registers the tests that every adapter of {@link Transport} passes, alone and below an `Edge`. */
export function transportConformance(name: string, harness: TransportHarness): void {
  const onRpc = (run: (fixture: RpcFixture) => Promise<void>) => async () => {
    const fixture = new RpcFixture(harness);
    try {
      await run(fixture);
    } finally {
      await fixture.dispose();
    }
  };
  conformanceSuite(`${name} as a transport`, harness.exceptions, (it: Case) => {
    callCases(it, onRpc);
    valueCases(it, onRpc);
    policyCases(it, onRpc);
    if (harness.capabilities.streams) streamCases(it, onRpc);
    if (harness.capabilities.remote) remoteCases(it, onRpc);
  });
}
