import { adapterAround, adaptersOf, FRAMEWORK } from './layout.ts';
import { type Check, isCode, isTest, layers, lineAt } from './source.ts';

const DECLARED = /^(?:export )?(?:abstract )?(?:interface|type|class) ([A-Z]\w*)/gm;

interface Declaration {
  readonly path: string;
  readonly line: number;
  /** The same for sibling adapters: the port with the path inside the adapter. */
  readonly role: string;
}

/**
 * In the framework one type name stands for one idea, also where it is not exported. Sibling adapters of one port may give the
 * same name to what plays the same part in the same file.
 */
export const typeNames: Check = (files) => {
  const adapters = adaptersOf(files);
  const declared = new Map<string, Declaration[]>();
  for (const file of files) {
    if (!file.path.startsWith(FRAMEWORK) || !isCode(file.path) || isTest(file.path)) continue;
    const adapter = adapterAround(file.path, adapters);
    const role = adapter === undefined ? file.path : `${adapter.slice(0, adapter.lastIndexOf('/'))}${file.path.slice(adapter.length)}`;
    for (const { 1: name, index } of layers(file).code.matchAll(DECLARED)) {
      const known = declared.get(name as string) ?? [];
      declared.set(name as string, [...known, { path: file.path, line: lineAt(file.text, index), role }]);
    }
  }
  return [...declared].flatMap(([name, places]) =>
    places
      .filter(({ role }) => role !== places[0]?.role)
      .map(({ path, line }) => ({
        path,
        line,
        rule: 'type-names',
        message: `${name} is the name of a type in ${places[0]?.path} too`,
        instead: 'name each by what it is',
      })),
  );
};
