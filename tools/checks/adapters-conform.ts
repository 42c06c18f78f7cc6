import { adaptersOf } from './layout.ts';
import { type Check, layers } from './source.ts';

/** The suite of each port that has one. */
const SUITES = {
  store: 'storeConformance',
  bus: 'busConformance',
  rpc: 'transportConformance',
  discovery: 'discoveryConformance',
  'gateway/limits': 'limitStoreConformance',
} as const;

/**
 * An adapter that does not run its port's suite only claims to be one. One that needs a real engine runs it in an
 * `.engine.test.ts`.
 */
export const adaptersConform: Check = (files) =>
  Object.entries(SUITES).flatMap(([port, suite]) =>
    adaptersOf(files, [port])
      .filter((adapter) => {
        const tests = files.filter((file) => file.path.startsWith(`${adapter}/`) && /\.(test|conformance)\.ts$/.test(file.path));
        return !tests.some((file) => new RegExp(String.raw`(?<!function\s+)\b${suite}\s*\(`).test(layers(file).code));
      })
      .map((adapter) => ({
        path: `${adapter}/index.ts`,
        line: 1,
        rule: 'adapters-conform',
        message: `this adapter of ${port} does not run the port's conformance suite`,
        instead: `call ${suite}(…) in ${adapter}/${adapter.split('/').at(-1)}.conformance.ts, or .engine.test.ts where it needs an engine`,
      })),
  );
