import { type Resolve, resolver } from './imports.ts';
import { type Check, type Finding, folderOf, isTest, layers, lineAt, type SourceFile } from './source.ts';

/** What handlers, programs, scenarios and callers are given, and take apart: `const { db, now, id } = ctx`. */
const GIVEN = [
  'ReadContext',
  'WriteContext',
  'EffectContext',
  'SagaContext',
  'ComposeContext',
  'ExternalClient',
  'Call',
  'Simulated',
  'Runtime',
];

/** Objects with a state of their own, whose members are called on them: logs, metrics, and what only the runtime's own code goes through. */
const CALLED_ON = new Set(['Log', 'EventLog', 'RootLog', 'Metrics', 'Health', 'Reader', 'HostedService']);

interface Declaration {
  readonly file: SourceFile;
  readonly body: string;
  readonly offset: number;
}

const DECLARED = /^(?:export\s+)?(?:declare\s+)?(?:interface|type)\s+([A-Z][\w$]*)/gm;
const NEXT_AT_TOP = /\n(?:\}|(?=\S))/g;
/** A member that is written as a method: `next(): Promise<boolean>`, `try<F>(input: I): F`. */
const METHOD = /(?<=[{;\n]\s*)(?:readonly\s+)?([a-zA-Z_$][\w$]*)\??\s*(?:<[^()]*>)?\(/g;
const NO_NAME = new Set(['import', 'new', 'typeof', 'keyof', 'infer', 'extends']);

/**
 * Members that users take off an object are properties whose type is a function. Lint rules (`unbound-method`) take a member that is
 * declared as a method for one that needs its `this`, and fire on every context that is destructured; and parameters of methods are
 * checked less strictly.
 */
export const functionMembers: Check = (files) => {
  const declarations = declarationsOf(files.filter(({ path }) => /^packages\/ramet\/src\/.*\.ts$/.test(path) && !isTest(path)));
  const resolve = resolver(files);
  const findings: Finding[] = [];
  const seen = new Set<Declaration>();
  const waiting = GIVEN.flatMap((name) => [...declarations.values()].flatMap((inFile) => inFile.get(name) ?? []));
  for (const declaration of waiting) {
    if (seen.has(declaration)) continue;
    seen.add(declaration);
    findings.push(...methodsOf(declaration));
    for (const [name] of declaration.body.matchAll(/\b[A-Z][\w$]*/g)) {
      const found = CALLED_ON.has(name) ? undefined : lookUp(name, declaration.file, declarations, resolve);
      if (found) waiting.push(found);
    }
  }
  return findings;
};

function methodsOf({ file, body, offset }: Declaration): Finding[] {
  return [...body.matchAll(METHOD)]
    .filter(([, name = '']) => !NO_NAME.has(name))
    .map((match) => ({
      path: file.path,
      line: lineAt(file.text, offset + match.index),
      rule: 'function-members',
      message: `'${match[1]}' is declared as a method of what users take apart`,
      instead: `readonly ${match[1]}: (…) => …`,
    }));
}

type Declarations = ReadonlyMap<string, ReadonlyMap<string, Declaration>>;

function declarationsOf(files: readonly SourceFile[]): Declarations {
  return new Map(
    files.map((file) => {
      const { code } = layers(file);
      const found = new Map<string, Declaration>();
      for (const match of code.matchAll(DECLARED)) {
        NEXT_AT_TOP.lastIndex = match.index + match[0].length;
        const end = NEXT_AT_TOP.exec(code)?.index ?? code.length;
        found.set(match[1] as string, { file, body: code.slice(match.index, end), offset: match.index });
      }
      return [file.path, found];
    }),
  );
}

/** The declaration that a name in a file means: of the file itself, or of the folder that it is imported from. */
function lookUp(name: string, file: SourceFile, declarations: Declarations, resolve: Resolve): Declaration | undefined {
  const own = declarations.get(file.path)?.get(name);
  if (own) return own;
  for (const [, names = '', specifier = ''] of file.text.matchAll(/^import (?:type )?\{([^}]*)\} from '([^']+)'/gm)) {
    if (!new RegExp(String.raw`\b${name}\b`).test(names)) continue;
    const target = resolve(file.path, specifier);
    if (target === undefined) return undefined;
    const direct = declarations.get(target)?.get(name);
    if (direct) return direct;
    // Behind the door of a folder, wherever in it.
    for (const [path, inFile] of declarations) if (path.startsWith(`${folderOf(target)}/`) && inFile.has(name)) return inFile.get(name);
  }
  return undefined;
}
