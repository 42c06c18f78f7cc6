import type { Command } from 'commander';

/** Adds `ramet new <folder>`. It does what `npm create ramet <folder>` does; that package reads the options. */
export function addNew(program: Command): void {
  program
    .command('new [folder...]')
    .description('create a project; `ramet new --help` lists its options')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => {
      // Loaded on demand: most commands do not create projects.
      const { create, thisTerminal } = await import('create-ramet');
      process.exitCode = await create(args, thisTerminal(), 'ramet new');
    });
}
