import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { run } from './run.ts';

/**
 * Builds the package in whose folder npm runs this, for publishing: JavaScript and declarations in dist/, and the
 * repository's LICENSE and README where the package's `files` name them. With `--clean` it takes those copies away again.
 */
const root = join(import.meta.dirname, '..');
const folder = process.cwd();
const { files = [] } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { files?: readonly string[] };
const copies = ['LICENSE', 'README.md'].filter((name) => files.includes(name) && existsSync(join(root, name)));

if (process.argv.includes('--clean')) {
  for (const name of copies) if (isCopy(name)) rmSync(join(folder, name));
} else {
  await build();
  for (const name of copies) if (!existsSync(join(folder, name))) cpSync(join(root, name), join(folder, name));
}

async function build(): Promise<void> {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  const { output, ok } = await run('tsc', ['-p', 'tsconfig.build.json', '--pretty', 'false'], { root, cwd: folder });
  if (!ok) {
    // npm shows what prepack writes to its error output also with --json and --silent.
    console.error(output);
    process.exit(1);
  }
  // What the sources read at run time, such as migrations in SQL.
  cpSync(join(folder, 'src'), join(folder, 'dist'), { recursive: true, filter: (path) => !['.ts', '.md'].includes(extname(path)) });
}

function isCopy(name: string): boolean {
  const path = join(folder, name);
  return existsSync(path) && readFileSync(path).equals(readFileSync(join(root, name)));
}
