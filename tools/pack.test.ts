import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CodeBlock, codeBlocks } from './checks/markdown.ts';
import { run } from './run.ts';

const root = join(import.meta.dirname, '..');
const README = join(root, 'README.md');
const MINUTE = 60_000;

/** A user's project: outside the repository, with the packed framework as its only dependency. */
const project = mkdtempSync(join(tmpdir(), 'ramet-project-'));

beforeAll(async () => {
  const packed = await run('npm', ['pack', '-w', 'packages/ramet', '--json', '--pack-destination', project], { root });
  expect(packed.ok, packed.output).toBe(true);
  const tarball = /"filename":\s*"([^"]+)"/.exec(packed.stdout)?.[1] as string;

  write('package.json', JSON.stringify({ name: 'a-users-project', private: true, type: 'module' }));
  const installed = await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], { root, cwd: project });
  expect(installed.ok, installed.output).toBe(true);
}, 4 * MINUTE);

afterAll(() => rmSync(project, { recursive: true, force: true }));

test('the packed framework runs the README’s first example in a fresh project', { timeout: 2 * MINUTE }, async () => {
  const { blocks, file, text } = firstExample();
  for (const block of blocks) write(block.file as string, block.text);

  const { output, code } = await runUntil(file, text, 30_000);
  expect(output, `node ${file}`).toContain(text);
  expect(code, output).toBe(0);
});

test('the packed declarations type-check that example without the sources', { timeout: 2 * MINUTE }, async () => {
  const { blocks } = firstExample();
  for (const block of blocks) write(block.file as string, block.text);
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, noEmit: true, allowImportingTsExtensions: true, skipLibCheck: false },
    ...{ lib: ['es2024', 'esnext.disposable'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: blocks.map((block) => block.file) }));

  const { output, ok } = await run('tsc', ['-p', '.', '--pretty', 'false'], { root, cwd: project });
  expect(ok, output).toBe(true);
});

test('a project whose compiler is not strict gets an error that says so, at the first contract', { timeout: 2 * MINUTE }, async () => {
  write('loose.ts', "import { contract } from 'ramet';\nexport const Orders = contract('orders', {});\n");
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: false, noEmit: true, skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['loose.ts'] }));
  const { output, ok } = await run('tsc', ['-p', '.', '--pretty', 'false'], { root, cwd: project });
  expect(ok).toBe(false);
  expect(output).toContain('set \\"strict\\": true in tsconfig.json');
});

test('an adapter whose client library is not installed says which one to install', async () => {
  for (const [adapter, name] of [
    ['ramet/store/postgres', 'pg'],
    ['ramet/bus/postgres', 'pg'],
    ['ramet/bus/kafka', '@platformatic/kafka'],
    ['ramet/limits/redis', 'redis'],
  ]) {
    write('needs.js', `await import('${adapter}').catch(({ code, message }) => console.log(code, message));\n`);
    const { stdout } = await promisify(execFile)(process.execPath, ['needs.js'], { cwd: project });
    expect(stdout).toBe(`Misconfigured '${adapter}' needs the package '${name}', which is not installed: run 'npm install ${name}'\n`);
  }
});

/** The README's blocks that name a file, up to and with the first one that says how to run them. */
function firstExample(): { blocks: CodeBlock[]; file: string; text: string } {
  const readme = existsSync(README) ? readFileSync(README, 'utf8') : '';
  const blocks = codeBlocks(readme).filter((block) => block.language === 'ts' && block.file !== undefined);
  expect(blocks, 'README.md has no ```ts block that begins with // file: <path>').not.toHaveLength(0);
  const last = blocks.findIndex((block) => block.after?.startsWith('run:'));
  const [, file, text] = /^run:\s*node (\S+)\s*\|\s*expect:\s*(.+)$/s.exec(blocks[last]?.after ?? '') ?? [];
  if (file === undefined || text === undefined) {
    throw new Error('README.md has no <!-- run: node <file> | expect: <text> --> right after the blocks of its first example');
  }
  return { blocks: blocks.slice(0, last + 1), file, text: text.trim() };
}

/** Runs a file until it ends, or asks it to stop when it has said what we waited for and stays. */
function runUntil(file: string, text: string, limitMs: number): Promise<{ output: string; code: number | null }> {
  const child: ChildProcess = spawn(process.execPath, [file], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    const hear = (chunk: Buffer) => {
      const waited = output.includes(text);
      output += chunk;
      if (!waited && output.includes(text)) setTimeout(() => child.kill('SIGTERM'), 3_000).unref();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ output, code: signal === 'SIGTERM' ? 0 : code });
    });
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
}
