import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './checks/source.ts';
import { run } from './run.ts';

/** A tool of others as a check: it never passes when the tool failed without saying why. */
async function ask(
  rule: string,
  command: string,
  args: readonly string[],
  root: string,
  read: (output: string) => Finding[],
): Promise<Finding[]> {
  const { output, stdout, ok } = await run(command, args, { root });
  const broken = (message: string): Finding[] => [
    { path: 'package.json', line: 1, rule, message, instead: `see ${[command, ...args].join(' ')}` },
  ];
  try {
    const findings = read(stdout);
    return ok || findings.length > 0 ? findings : broken(output.trim());
  } catch {
    return broken(output.trim());
  }
}

/** What runs in Node and what runs in a browser know different globals, so each is a project of its own. */
export async function types(root: string): Promise<Finding[]> {
  const projects = ['.', 'shop/app/storefront'];
  return (await Promise.all(projects.map((project) => ask('types', 'tsc', ['-p', project, '--pretty', 'false'], root, readTypes)))).flat();
}

export async function style(root: string): Promise<Finding[]> {
  const args = ['check', '--error-on-warnings', '--diagnostic-level=warn', '--max-diagnostics=none', '--reporter=json'];
  const allowed = JSON.parse(readFileSync(join(root, LARGE_FUNCTIONS), 'utf8')) as Record<string, number>;
  return exceptListed(await ask('style', 'biome', args, root, readStyle), allowed);
}

const LARGE_FUNCTIONS = 'tools/checks/large-functions.json';
const FUNCTION_SIZE = ['lint/complexity/noExcessiveLinesPerFunction', 'lint/complexity/useMaxParams'];

/**
 * Drops the findings about long functions and parameter lists that the list allows for their file. The list only shrinks: an
 * entry that allows more than there is becomes a finding.
 */
export function exceptListed(findings: readonly Finding[], allowed: Readonly<Record<string, number>>): Finding[] {
  const sizes = Map.groupBy(
    findings.filter(({ rule }) => FUNCTION_SIZE.includes(rule)),
    ({ path }) => path,
  );
  const kept = findings.filter(({ rule, path }) => !FUNCTION_SIZE.includes(rule) || (sizes.get(path)?.length ?? 0) > (allowed[path] ?? 0));
  const stale = Object.entries(allowed).filter(([path, count]) => (sizes.get(path)?.length ?? 0) < count);
  return [
    ...kept,
    ...stale.map(([path]) => ({
      path: LARGE_FUNCTIONS,
      line: 1,
      rule: 'function-size',
      message: `${path} has ${sizes.get(path)?.length ?? 0} functions that are too long or take too many parameters, and the list allows ${allowed[path]}`,
      instead: 'lower the number in the list, or remove the entry',
    })),
  ];
}

/** Without whole files, which `checks/dead-files.ts` knows better. */
export function deadCode(root: string): Promise<Finding[]> {
  return ask('dead-code', 'knip', ['--reporter', 'json', '--no-config-hints', '--exclude', 'files'], root, readDeadCode);
}

/** `path(line,column): error TS0000: message`, whose indented lines explain it. */
export function readTypes(stdout: string): Finding[] {
  return [...stdout.matchAll(/^([^\s(][^(\n]*)\((\d+),\d+\): error (TS\d+: [^\n]*(?:\n[ \t][^\n]*)*)/gm)].map(
    ([, path = '', line, message = '']) => ({
      path,
      line: Number(line),
      rule: 'types',
      message: message.replace(/\s*\n\s*/g, ' '),
    }),
  );
}

interface Diagnostic {
  readonly category: string;
  readonly message: string;
  readonly location?: { readonly path?: string; readonly start?: { readonly line: number } };
  readonly advices?: readonly { readonly text?: string }[];
}

export function readStyle(stdout: string): Finding[] {
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] };
  return diagnostics.map(({ category, message, location, advices = [] }) => {
    const byMachine = category === 'format' || category.startsWith('assist/');
    const advice = advices.map(({ text }) => text).find((text) => text !== undefined);
    const instead = byMachine ? 'run npx biome check --write' : advice;
    return {
      path: location?.path ?? 'biome.json',
      line: Math.max(1, location?.start?.line ?? 1),
      rule: category,
      message: category === 'format' ? 'not formatted' : message,
      ...(instead === undefined ? {} : { instead }),
    };
  });
}

type Issue = { readonly name: string; readonly line?: number };

/** One entry per file: for each kind of issue the names concerned, alone or in groups. */
export function readDeadCode(stdout: string): Finding[] {
  const { issues } = JSON.parse(stdout) as { issues: readonly ({ readonly file: string } & Record<string, unknown>)[] };
  return issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, list]) =>
      (list as readonly (Issue | readonly Issue[])[]).flat().map(({ name, line }) => ({
        path: file,
        line: line ?? 1,
        rule: 'dead-code',
        message: `${WORDS[kind] ?? kind}: ${name}`,
        instead: FIXES[kind] ?? 'delete it',
      })),
    ),
  );
}

const WORDS: Readonly<Record<string, string>> = {
  exports: 'no file imports',
  types: 'no file imports the type',
  dependencies: 'no file uses the dependency',
  devDependencies: 'no file uses the dependency',
  unlisted: 'not among the dependencies',
  unresolved: 'leads nowhere',
};

const FIXES: Readonly<Record<string, string>> = {
  exports: 'delete it, or drop the word export',
  types: 'delete it, or drop the word export',
  dependencies: 'remove it from package.json',
  devDependencies: 'remove it from package.json',
  unlisted: 'add it to the dependencies of this package',
  unresolved: 'correct the path',
};
