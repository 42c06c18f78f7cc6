import { create, thisTerminal } from './command.ts';

process.exitCode = await create(process.argv.slice(2), thisTerminal());
