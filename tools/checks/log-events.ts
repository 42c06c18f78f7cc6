import { FRAMEWORK } from './layout.ts';
import { type Check, isCode, isTest, layers, lineAt } from './source.ts';

/** A line by level: `log.warn(…)`, `this.#log.info(…)`, `boundLog(…).error(…)`, `log[level](…)`, `console.warn(…)`. */
const BY_LEVEL =
  /\b(?:[lL]og|console)\s*\??(?:\.\s*(?:trace|debug|info|warn|error|log)\s*\(|\[[^\]]*\]\s*\()|\b\w*Log\s*\([^;{}]*?\)\s*\.\s*(?:trace|debug|info|warn|error)\s*\(/g;

/** Every line of the framework's log is an event of one table, so that operators can look for it. */
export const logEvents: Check = (files) =>
  files
    .filter(({ path }) => isCode(path) && path.startsWith(FRAMEWORK) && !isTest(path))
    .flatMap((file) =>
      [...layers(file).code.matchAll(BY_LEVEL)].map((match) => ({
        path: file.path,
        line: lineAt(file.text, match.index),
        rule: 'log-events',
        message: 'a line of the log without an event',
        instead: "write log.event('<event>', fields); the table is errors/log-events.ts",
      })),
    );
