import type { Command } from 'commander';

/** `ramet new <folder>`: what `npm create ramet <folder>` does, with the same options, which that package reads itself. */
export function addNew(program: Command): void {
  program
    .command('new [folder...]')
    .description('make a new project; `ramet new --help` names its options')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => {
      // Loaded only here: whoever operates a process makes no projects.
      const { create, thisTerminal } = await import('create-ramet');
      process.exitCode = await create(args, thisTerminal(), 'ramet new');
    });
}
