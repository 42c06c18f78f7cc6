import { prose } from './markdown.ts';
import { type Check, lineAt } from './source.ts';

/** The one page that says what is missing. */
const PAGE = 'docs/not-yet.md';

const MISSING =
  /\b(?:not\s+(?:\w+\s+)?yet|yet\s+to\s+be|no\s+(?:[\w-]+\s+){1,6}yet|never\s+yet|planned|coming\s+soon|(?:a|some)\s+(?:later|future|coming)\s+(?:version|release)|will\s+be\s+(?:added|supported))\b/gi;

/** What is missing is listed in one page: where others deny it too, they still deny it when it exists. */
export const notYet: Check = (files) =>
  files
    .filter(({ path }) => path.endsWith('.md') && path !== PAGE)
    .flatMap((file) =>
      [
        ...prose(file.text)
          .replaceAll(/\]\([^)\n]*\)/g, (link) => ' '.repeat(link.length))
          .matchAll(MISSING),
      ].map((match) => ({
        path: file.path,
        line: lineAt(file.text, match.index),
        rule: 'not-yet',
        message: `"${match[0].replaceAll(/\s+/g, ' ')}" says that something is missing`,
        instead: `say it in ${PAGE} and link there, or say what holds today`,
      })),
    );
