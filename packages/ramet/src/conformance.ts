/**
 * The suites that every adapter passes, for those who write one. They register tests of Vitest, which is an optional peer
 * of this subpath: `storeConformance('mine', harness)` in a test file of yours is all; a store also passes `outboxConformance`.
 */

export type { BusPlace } from './bus/conformance/fixture.conformance.ts';
export { outboxConformance } from './bus/conformance/outbox.conformance.ts';
export { type BusHarness, busConformance } from './bus/conformance.ts';
export { type DiscoveryHarness, discoveryConformance } from './discovery/conformance.ts';
export type { DiscoveryPlace } from './discovery/fixture.conformance.ts';
export { type LimitStoreHarness, type LimitStorePlace, limitStoreConformance } from './gateway/limits/conformance.ts';
export type { Exceptions } from './platform/cases.conformance.ts';
export { transportConformance } from './rpc/conformance.ts';
export type { RemoteHarness, Remotes, TransportHarness } from './rpc/fixture.conformance.ts';
export { storeConformance } from './store/conformance.ts';
export type { StoreHarness, StorePlace } from './store/fixture.conformance.ts';
