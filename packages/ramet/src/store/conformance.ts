import { type Case, conformanceSuite } from '../platform/cases.conformance.ts';
import { dueCases } from './due.conformance.ts';
import { expectRowCases } from './expect-row.conformance.ts';
import { onStoreOf, type StoreHarness } from './fixture.conformance.ts';
import { handleCases } from './handle.conformance.ts';
import { STORE_TABLES } from './index.ts';
import { migrationCases } from './migrate.conformance.ts';
import { transactionCases } from './transaction.conformance.ts';
import { valueCases } from './value.conformance.ts';

/** Registers the tests that every adapter of {@link Store} passes; `capabilities` chooses among them. */
export function storeConformance(name: string, harness: StoreHarness): void {
  const onStore = onStoreOf(harness, [STORE_TABLES]);
  conformanceSuite(`${name} as a store`, harness.exceptions, (it: Case) => {
    transactionCases(it, onStore, harness.capabilities);
    expectRowCases(it, onStore);
    handleCases(it, onStore);
    valueCases(it, onStore);
    migrationCases(it, onStore, harness.capabilities);
    dueCases(it, onStore);
  });
}
