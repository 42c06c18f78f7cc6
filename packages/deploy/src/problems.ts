/** What keeps something from being built or generated: every problem, each with what to do about it. */
export class DeployError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
