import { type Import, imports, type Resolve, resolver } from './imports.ts';
import { adapterAround, adaptersOf, FOLDERS, FRAMEWORK } from './layout.ts';
import { type Check, type Finding, isCode, isTest, type SourceFile } from './source.ts';

/** What is wrong with an import, and what to write instead. */
type Verdict = { readonly message: string; readonly instead: string } | undefined;

/**
 * Imports point upwards only: in the framework by the order of its folders, in the shop by contracts. A test is a composition
 * root: it may join what it likes, through the doors that everybody uses.
 */
export const direction: Check = (files) => {
  const resolve = resolver(files);
  const adapters = adaptersOf(files);
  const findings: Finding[] = [];
  for (const file of files) {
    if (!isCode(file.path)) continue;
    const misplaced = misplacement(file);
    if (misplaced) findings.push({ path: file.path, line: 1, rule: 'direction', ...misplaced });
    for (const imported of imports(file)) {
      const verdict = judge(file.path, imported, resolve, adapters);
      if (verdict) findings.push({ path: file.path, line: imported.line, rule: 'direction', ...verdict });
    }
  }
  return findings;
};

function misplacement({ path }: SourceFile): Verdict {
  if (!path.startsWith(FRAMEWORK) || isTopLevel(path) || rankOf(path) !== -1) return undefined;
  return {
    message: `${FRAMEWORK}${headOf(path)} is not a folder of the architecture`,
    instead: `put the file into one of ${FOLDERS.join(', ')}, or give the new folder its rank in architecture and tools/checks/layout.ts`,
  };
}

function judge(from: string, imported: Import, resolve: Resolve, adapters: readonly string[]): Verdict {
  const to = resolve(from, imported.specifier);
  if (to === undefined) return undefined;
  if (from.startsWith(FRAMEWORK)) return inFramework(from, to, imported, adapters);
  if (to.startsWith(FRAMEWORK) && imported.specifier.startsWith('.')) {
    return { message: 'the framework is imported past its exports', instead: `import from 'ramet' or one of its subpaths` };
  }
  return from.startsWith('shop/') ? inShop(from, to) : undefined;
}

function inFramework(from: string, to: string, imported: Import, adapters: readonly string[]): Verdict {
  if (isTopLevel(from)) return undefined;
  if (!to.startsWith(FRAMEWORK)) {
    return { message: `the framework imports ${to}`, instead: 'what the framework needs lives in its own folders' };
  }
  if (isTest(from)) return throughTheDoor(from, to, adapters);
  if (!imported.specifier.startsWith('.')) {
    return { message: 'the framework imports itself by name', instead: `import '${relativePath(from, to)}'` };
  }
  if (isTopLevel(to)) {
    return {
      message: `${to.slice(FRAMEWORK.length)} joins the folders, none of them may need it`,
      instead: `import the folder's index.ts`,
    };
  }
  const home = adapterAround(from, adapters);
  const foreign = adapterAround(to, adapters);
  // The runtime joins everything: within one process there is one transport, and it is the runtime that lays it.
  const laid = headOf(from) === 'runtime' && foreign === `${FRAMEWORK}rpc/local`;
  // The simulator chooses the stores and buses of every process that it makes up: it is a composition root.
  if (foreign !== undefined && foreign !== home && !laid && headOf(from) !== 'simulation') {
    return {
      message: `only a composition root (a topology, a test) imports an adapter, here ${foreign.slice(FRAMEWORK.length)}`,
      instead: `import the port, ${headOf(to)}/index.ts, and be given the adapter`,
    };
  }
  if (headOf(from) === headOf(to)) return undefined;
  if (home !== undefined) {
    if (!mayReach(home, to, imported)) return adapterReach(home);
  } else if (rankOf(to) >= rankOf(from)) {
    return {
      message: `${headOf(from)} imports ${headOf(to)}, which stands below it`,
      instead: `${headOf(from)} may import ${FOLDERS.slice(0, rankOf(from)).join(', ') || 'no other folder'}; turn the dependency round or be given the value`,
    };
  }
  return throughTheDoor(from, to, adapters);
}

/** Across folders the `index.ts` is the door. */
function throughTheDoor(from: string, to: string, adapters: readonly string[]): Verdict {
  if (!to.startsWith(FRAMEWORK) || isTopLevel(to) || isTest(to)) return undefined;
  const target = adapterAround(to, adapters) ?? `${FRAMEWORK}${headOf(to)}`;
  if (from.startsWith(`${target}/`) || to === `${target}/index.ts`) return undefined;
  return {
    message: `the inside of ${target.slice(FRAMEWORK.length)} is imported`,
    instead: `import '${relativePath(from, `${target}/index.ts`)}'`,
  };
}

function mayReach(home: string, to: string, { typeOnly }: Import): boolean {
  const head = headOf(to);
  if (head === 'platform' || head === 'errors') return true;
  if (headOf(home) === 'rpc' && head === 'contract') return true;
  return home === `${FRAMEWORK}bus/embedded` && head === 'store' && typeOnly;
}

function adapterReach(home: string): Verdict {
  const port = headOf(home);
  const more = port === 'rpc' ? ', contract/index.ts' : home.endsWith('bus/embedded') ? `, types of store/index.ts` : '';
  return {
    message: `the adapter ${home.slice(FRAMEWORK.length)} reaches beyond its port`,
    instead: `an adapter imports its own files, those of ${port}/, platform/index.ts, errors/index.ts${more} and packages`,
  };
}

/** The entries of the shop: they start the companions and the kill points, which belong to the rig. */
const MAY_START_THE_RIG: readonly string[] = ['shop/app/main.ts', 'shop/app/process.ts'];

function inShop(from: string, to: string): Verdict {
  if (isTest(from) || !to.startsWith('shop/')) return undefined;
  if (from.startsWith('shop/app/') && to.startsWith('shop/rig/') && !MAY_START_THE_RIG.includes(from)) {
    return { message: `the shop's own code imports its test rig, ${to}`, instead: `only ${MAY_START_THE_RIG.join(' and ')} may do that` };
  }
  const service = /^shop\/app\/services\/[^/]+\//.exec(from)?.[0];
  if (service === undefined && !from.startsWith('shop/app/gateways/')) return undefined;
  if (to.startsWith(service ?? 'shop/app/gateways/') || /^shop\/app\/services\/[^/]+\/contract\.ts$/.test(to)) return undefined;
  const owner = /^shop\/app\/services\/[^/]+\//.exec(to)?.[0];
  return {
    message: `${service === undefined ? 'a gateway' : 'a service'} imports ${to}`,
    instead:
      owner === undefined
        ? 'import only your own files, contracts of services and packages'
        : `import ${owner}contract.ts and call or listen to what it declares`,
  };
}

/** The folder of the framework that a file stands in: `store` for `packages/ramet/src/store/sqlite/index.ts`. */
function headOf(path: string): string {
  return path.slice(FRAMEWORK.length).split('/')[0] as string;
}

function rankOf(path: string): number {
  return (FOLDERS as readonly string[]).indexOf(headOf(path));
}

function isTopLevel(path: string): boolean {
  const rest = path.slice(FRAMEWORK.length);
  return ['index.ts', 'adapter.ts', 'conformance.ts'].includes(rest) || (!rest.includes('/') && isTest(path));
}

function relativePath(from: string, to: string): string {
  const up = from.split('/').slice(0, -1);
  const down = to.split('/');
  while (up.length > 0 && up[0] === down[0]) {
    up.shift();
    down.shift();
  }
  return `${up.map(() => '../').join('') || './'}${down.join('/')}`;
}
