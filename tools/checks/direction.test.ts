import { expect, test } from 'vitest';
import { direction } from './direction.ts';
import { found } from './fixture.ts';

test('finds nothing where imports point upwards and go through the doors', () => {
  expect(found(direction, 'direction', 'right')).toEqual([]);
});

test('names every import that points down, sideways or past a door', () => {
  expect(found(direction, 'direction', 'wrong')).toEqual([
    'packages/ramet/src/admin/index.ts:1  direction  admin imports runtime, which stands below it (admin may import platform, errors, contract, telemetry, load, store, bus, security, discovery, rpc, alert, aggregate, projection, saga, service, http, gateway; turn the dependency round or be given the value)',
    'packages/ramet/src/admin/index.ts:2  direction  the framework imports shop/app/gateways/web.ts (what the framework needs lives in its own folders)',
    'packages/ramet/src/bus/embedded/index.ts:1  direction  the adapter bus/embedded reaches beyond its port (an adapter imports its own files, those of bus/, platform/index.ts, errors/index.ts, types of store/index.ts and packages)',
    'packages/ramet/src/contract/index.ts:1  direction  contract imports runtime, which stands below it (contract may import platform, errors; turn the dependency round or be given the value)',
    "packages/ramet/src/rpc/index.ts:1  direction  the inside of platform is imported (import '../platform/index.ts')",
    "packages/ramet/src/rpc/index.ts:2  direction  index.ts joins the folders, none of them may need it (import the folder's index.ts)",
    "packages/ramet/src/rpc/index.ts:3  direction  the framework imports itself by name (import '../platform/index.ts')",
    "packages/ramet/src/rpc/rpc.test.ts:1  direction  the inside of store/postgres is imported (import '../store/postgres/index.ts')",
    'packages/ramet/src/store/index.ts:1  direction  only a composition root (a topology, a test) imports an adapter, here store/sqlite (import the port, store/index.ts, and be given the adapter)',
    'packages/ramet/src/store/sqlite/index.ts:1  direction  the adapter store/sqlite reaches beyond its port (an adapter imports its own files, those of store/, platform/index.ts, errors/index.ts and packages)',
    'packages/ramet/src/store/sqlite/index.ts:2  direction  only a composition root (a topology, a test) imports an adapter, here store/postgres (import the port, store/index.ts, and be given the adapter)',
    'packages/ramet/src/utils/strings.ts:1  direction  packages/ramet/src/utils is not a folder of the architecture (put the file into one of platform, errors, contract, telemetry, load, store, bus, security, discovery, rpc, alert, aggregate, projection, saga, service, http, gateway, admin, runtime, simulation, doctor, or give the new folder its rank in architecture and tools/checks/layout.ts)',
    'shop/app/gateways/web.ts:1  direction  a gateway imports shop/app/services/orders/service.ts (import shop/app/services/orders/contract.ts and call or listen to what it declares)',
    'shop/app/services/orders/service.ts:1  direction  a service imports shop/app/services/payments/service.ts (import shop/app/services/payments/contract.ts and call or listen to what it declares)',
    'shop/app/services/orders/service.ts:2  direction  a service imports shop/app/topology.ts (import only your own files, contracts of services and packages)',
    "shop/app/services/orders/service.ts:3  direction  the framework is imported past its exports (import from 'ramet' or one of its subpaths)",
    "shop/app/topology.ts:1  direction  the shop's own code imports its test rig, shop/rig/companions.ts (only shop/app/main.ts and shop/app/process.ts may do that)",
  ]);
});
