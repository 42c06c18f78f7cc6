import { expect, test } from 'vitest';
import { adaptersConform } from './adapters-conform.ts';
import { found } from './fixture.ts';

test('finds nothing where every adapter calls the suite of its port', () => {
  expect(found(adaptersConform, 'adapters-conform', 'right')).toEqual([]);
});

test('names adapters that call no suite, only mention it, or call another port’s', () => {
  expect(found(adaptersConform, 'adapters-conform', 'wrong')).toEqual([
    "packages/ramet/src/store/sqlite/index.ts:1  adapters-conform  this adapter of store does not run the port's conformance suite (call storeConformance(…) in packages/ramet/src/store/sqlite/sqlite.conformance.ts, or .engine.test.ts where it needs an engine)",
    "packages/ramet/src/bus/embedded/index.ts:1  adapters-conform  this adapter of bus does not run the port's conformance suite (call busConformance(…) in packages/ramet/src/bus/embedded/embedded.conformance.ts, or .engine.test.ts where it needs an engine)",
    "packages/ramet/src/rpc/mux/index.ts:1  adapters-conform  this adapter of rpc does not run the port's conformance suite (call transportConformance(…) in packages/ramet/src/rpc/mux/mux.conformance.ts, or .engine.test.ts where it needs an engine)",
    "packages/ramet/src/discovery/consul/index.ts:1  adapters-conform  this adapter of discovery does not run the port's conformance suite (call discoveryConformance(…) in packages/ramet/src/discovery/consul/consul.conformance.ts, or .engine.test.ts where it needs an engine)",
  ]);
});
