import type { Outcome, Run } from './runs.ts';

/** The last run of one row, as `results.json` keeps it. */
export interface Result extends Outcome {
  /** Day of the run, as `2026-11-30`. */
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly minutes: number;
}

export type Results = Readonly<Record<string, Result>>;

/** docs/proof.md: each run with its last result, where and when it was made, and the command that repeats it. */
export function pageOf(runs: Readonly<Record<string, Run>>, results: Results): string {
  const rows = Object.entries(runs).map(([name, run]) => {
    const command = `\`${commandOf(run)}\``;
    const result = results[name];
    if (!result) return `| ${run.what} | never run | – | – | ${command} |`;
    const { ok, figures, date, commit, minutes } = result;
    return `| ${run.what} | ${ok ? figures : `**failed**: ${figures}`} | ${date}, ${commit} | ${minutes} min | ${command} |`;
  });
  const machines = [...new Set(Object.values(results).map(({ machine }) => machine))];
  return `# Proof

\`npm run proof\` makes every long run and writes this page: each row is the last result of one run, with its date and commit. Do not edit the
page: \`npm run proof -- --only kills,planted\` makes single runs again, and a test compares the page with \`tools/proof/results.json\`.

| what tries to break a promise | result | date, commit | took | repeat it |
|---|---|---|---|---|
${rows.join('\n')}

Machine: ${machines.length === 0 ? '–' : machines.join('; ')}. [Testing](testing.md) says what each run does and what it checks.
`;
}

const FIGURE = /(<!-- proof:([\w-]+) -->)[\s\S]*?(<!-- end of proof -->)/g;

/** README's figures: the text between `<!-- proof:kills -->` and `<!-- end of proof -->` is the result of that run. */
export function withFigures(readme: string, results: Results): string {
  return readme.replace(FIGURE, (_whole, begin: string, name: string, end: string) => {
    const result = results[name];
    const text = result === undefined ? 'never run' : result.ok ? result.figures : `**failed**: ${result.figures}`;
    return `${begin}${text}${end}`;
  });
}

/** The command that a person types to make this run. */
export function commandOf({ script }: Run): string {
  const words = script.filter((word, at) => word !== '{json}' && !(word === '--json' && script[at + 1] === '{json}'));
  if (words.at(-1) === '--') words.pop();
  return `npm ${words[0] === 'test' ? '' : 'run '}${words.join(' ')}`;
}
