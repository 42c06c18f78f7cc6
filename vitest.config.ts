import { defineConfig } from 'vitest/config';

// Tests run on the TypeScript sources: `ramet/…` resolves by the export condition `ramet-source`, in the workers too.
const conditions = ['ramet-source', 'node', 'module-sync', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // `store/sqlite/x.conformance.ts` runs an adapter through its port's suite; the suite itself stands beside the port.
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/src/*/*/**/*.conformance.ts',
      'shop/**/*.test.ts',
      'examples/*.test.ts',
      'tools/**/*.test.ts',
    ],
    // What needs real engines runs by `npm run test:engines`.
    // The suite of a port may have a folder of its own beside the adapters: it is not a test.
    exclude: ['**/node_modules/**', '**/dist/**', 'tools/fixtures/**', '**/*.engine.test.ts', 'packages/*/src/*/conformance/**'],
    // The gateway of the shop serves the storefront, so tests that start it need the build, and two tests must not build at once.
    globalSetup: './shop/app/storefront/fresh.ts',
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['-C', 'ramet-source'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './tools/summary-reporter.ts'],
  },
});
