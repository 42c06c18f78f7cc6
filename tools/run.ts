import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export interface RunOptions {
  /** The repository, whose node_modules/.bin comes first on the PATH: `node` and all tools are the pinned ones. */
  readonly root: string;
  readonly cwd?: string;
}

export interface Ran {
  readonly stdout: string;
  /** Both its outputs, as they came. */
  readonly output: string;
  readonly ok: boolean;
}

/** What npm and the test runner tell their children about this repository, which would steer another npm in another folder. */
const ABOUT_THIS_RUN = /^(npm_(package|lifecycle)_.*|npm_config_(local_prefix|workspaces?|include_workspace_root|global)|NODE_OPTIONS)$/i;

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], { root, cwd = root }: RunOptions): Promise<Ran> {
  const own = Object.entries(process.env).filter(([name]) => !ABOUT_THIS_RUN.test(name));
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...Object.fromEntries(own), PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ stdout, output, ok: code === 0 }));
  });
}
