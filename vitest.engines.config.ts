import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tests that need real engines; `npm run test:engines` starts these and passes their addresses to the tests. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/*/src/**/*.engine.test.ts', 'shop/**/*.engine.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // One after another within a group: the processes of two whole shops want more than one machine.
    maxWorkers: 1,
    // Brokers take their time on machines that others use too: a case gets a second chance, and the report says who needed it.
    retry: 1,
    // On a machine that is busy with a broker and a database too.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
