import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { CreateError, createProject } from './create.ts';

/** What the command reads from and writes to. */
export interface Terminal {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  readonly errors: Writable;
  readonly nodeVersion: string;
}

/** The name under which the command was called, for its help. */
export type CalledAs = 'npm create ramet' | 'ramet new';

const help = (calledAs: CalledAs) => `${calledAs} <folder>

Creates a Ramet project: a service with a saga, a service that the saga calls, a gateway, and tests.

  <folder>             the folder of the project; its last part is the name of the project, '.' is this folder
  --ramet <version>    the ramet to install: a version, or the path of a packed tarball beside those of
                       @ramet/cli, @ramet/deploy and create-ramet (default: the newest that fits this command)
  --help, --version
${calledAs === 'npm create ramet' ? '\nnpm takes options for itself: write -- before them, as in `npm create ramet my-app -- --ramet 0.1.0`.\n' : ''}`;

const OLDEST = [22, 19] as const;
const DEFAULT_NAME = 'my-app';

/** Runs the command on a terminal. @returns the exit code */
export async function create(args: readonly string[], terminal: Terminal, calledAs: CalledAs = 'npm create ramet'): Promise<number> {
  try {
    const { values, positionals } = parsed(args, calledAs);
    if (values.help) return say(terminal, help(calledAs));
    if (values.version) return say(terminal, `${ownVersion()}\n`);
    if (positionals.length > 1) throw new CreateError(`expected one folder, not ${positionals.length}: ${positionals.join(' ')}`);
    const target = positionals[0] ?? (await askName(terminal, calledAs));
    const { cwd } = terminal;
    const { folder, name } = createProject({ target, cwd, ...(values.ramet === undefined ? {} : { ramet: values.ramet }) });
    return say(terminal, whatNext(name, relative(cwd, folder), terminal.nodeVersion));
  } catch (error) {
    if (!(error instanceof CreateError)) throw error;
    terminal.errors.write(`${error.message}\n`);
    return 1;
  }
}

function parsed(args: readonly string[], calledAs: CalledAs) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ramet: { type: 'string' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    });
  } catch (error) {
    throw new CreateError(`${(error as Error).message}\n\n${help(calledAs)}`);
  }
}

/** Asks a person at a terminal. In CI, or behind a pipe, a question would never get an answer. */
async function askName({ env, input, output }: Terminal, calledAs: CalledAs): Promise<string> {
  const ci = env['CI'] !== undefined && !['', '0', 'false'].includes(env['CI']);
  if (ci || !input.isTTY || !output.isTTY) throw new CreateError(`Name the folder of the project: ${calledAs} ${DEFAULT_NAME}`);
  const lines = createInterface({ input, output });
  // Ctrl-C and Ctrl-D close the input, and the question would never get an answer.
  const left = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  const question = lines.question(`Which folder should the project be in? (${DEFAULT_NAME}) `).catch(() => undefined);
  const answer = await Promise.race([question, left]);
  lines.close();
  if (answer === undefined) throw new CreateError('\nNo project was created.');
  return answer.trim() || DEFAULT_NAME;
}

function whatNext(name: string, folder: string, nodeVersion: string): string {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const tooOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  const node = tooOld
    ? `  (first: install Node ${OLDEST.join('.')} or later, this is ${nodeVersion}; from https://nodejs.org, or with \`nvm install 24\`)\n`
    : '';
  const enter = folder === '' ? '' : `  cd ${/\s/.test(folder) ? `"${folder}"` : folder}\n`;
  return `Created ${name}. Next:\n\n${node}${enter}  npm install\n  npm start\n\nREADME.md says what to try next.\n`;
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

function say(terminal: Terminal, text: string): number {
  terminal.output.write(text);
  return 0;
}

/** The terminal of this process. */
export const thisTerminal = (): Terminal => ({
  cwd: process.cwd(),
  env: process.env,
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  nodeVersion: process.versions.node,
});
