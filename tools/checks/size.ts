import { type Check, type Finding, isCode, isTest } from './source.ts';

const LINES_MAX = 400;
const LINES_MAX_WITH_REASON = 700;
export const LARGE_FILES = 'tools/checks/large-files.json';

/** Files stay small enough to be read at once. Larger ones say why, and leave the list when they have shrunk. */
export const size: Check = (files) => {
  const list = files.find((file) => file.path === LARGE_FILES);
  const reasons = new Map(Object.entries(JSON.parse(list?.text ?? '{}') as Record<string, string>));
  const findings: Finding[] = [];
  for (const { path, text } of files) {
    if (!isCode(path) || isTest(path)) continue;
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    const finding = { path, line: lines, rule: 'size' };
    if (lines > LINES_MAX_WITH_REASON) {
      findings.push({
        ...finding,
        message: `${lines} lines, no file may have more than ${LINES_MAX_WITH_REASON}`,
        instead: 'split it by concept',
      });
    } else if (lines > LINES_MAX && !reasons.get(path)?.trim()) {
      findings.push({
        ...finding,
        message: `${lines} lines, more than ${LINES_MAX}`,
        instead: `split it by concept, or give the reason in ${LARGE_FILES}`,
      });
    }
    if (lines > LINES_MAX) reasons.delete(path);
  }
  for (const path of reasons.keys()) {
    findings.push({
      path: LARGE_FILES,
      line: 1 + (list?.text.split('\n').findIndex((line) => line.includes(`"${path}"`)) ?? 0),
      rule: 'size',
      message: `${path} is no longer a file of more than ${LINES_MAX} lines`,
      instead: 'remove it from the list',
    });
  }
  return findings;
};
