import type { AnyContract } from '../contract/index.ts';

type Members = Readonly<Record<string, unknown>>;
type Report = (problem: string) => void;

/**
 * Finds values that are not what their place in a definition needs, such as an export that is not a service. The TypeScript compiler
 * reports the same; a JavaScript module learns it here instead of in the middle of a request.
 * @returns problems, each with its place and what to write; the rest of a definition cannot be checked when there are any
 */
export function shapeProblems(what: string, name: string, given: unknown): string[] {
  const problems: string[] = [];
  const at = `${what} '${name}'`;
  const report: Report = (problem) => problems.push(`${at}${problem}`);
  if (what === 'gateway') gatewayShape(given, report);
  else serviceShape(given, report);
  return problems;
}

function serviceShape(given: unknown, report: Report): void {
  if (!isDefinition(given)) {
    report(` is ${named(given)}: export service(Contract, { … }).implement({ … })`);
    return;
  }
  const definition = fieldsOf(given);
  if (!isContract(definition['contract'])) report(`: its contract is ${named(definition['contract'])}: write contract('name', { … })`);
  usesShape('', definition['uses'], report);
  for (const [operation, handler] of Object.entries(fieldsOf(definition['commands'])))
    if (typeof handler !== 'function' && !hasFunction(handler, 'run') && !hasFunction(handler, 'perform'))
      report(`: the handler of '${operation}' is ${named(handler)}: write a function, prepared({ … }) or effect({ … })`);
  for (const [operation, handler] of Object.entries(fieldsOf(definition['queries'])))
    if (typeof handler !== 'function') report(`: the handler of '${operation}' is ${named(handler)}: write a function`);
  for (const [n, reaction] of listOf(definition['reactions']).entries()) {
    const { event, run } = fieldsOf(reaction);
    if (!isEvent(event))
      report(`: reaction ${n + 1} is to ${named(event)}: write on(Contract.events.Name, …) with an event that the contract has`);
    else if (typeof run !== 'function') report(`: the reaction to '${event.name}' is ${named(run)}: write a function`);
  }
  for (const [n, saga] of listOf(definition['sagas']).entries()) {
    if (!hasFunction(saga, 'run') || !('key' in fieldsOf(saga)))
      report(`: entry ${n + 1} of 'sagas' is ${named(saga)}: write saga('name', { … })`);
    else sagaShape(fieldsOf(saga), report);
  }
}

function sagaShape(saga: Members, report: Report): void {
  usesShape(`, saga '${String(saga['name'])}'`, saga['uses'], report);
  for (const event of listOf(saga['waitsFor']))
    if (!isEvent(event)) report(`, saga '${String(saga['name'])}': 'waitsFor' names ${named(event)}: write Contract.events.Name`);
}

function gatewayShape(given: unknown, report: Report): void {
  const { routes } = fieldsOf(given);
  if (!Array.isArray(routes)) report(` is ${named(given)}: export gateway('name', { routes: [ … ] })`);
  for (const [n, route] of listOf(routes).entries()) {
    const { kind, contract, route: path, uses } = fieldsOf(route);
    if (kind === 'expose' && !isContract(contract))
      report(`: entry ${n + 1} of 'routes' exposes ${named(contract)}: write expose(Contract, { … })`);
    else if (kind === 'compose') usesShape(`, route '${String(path)}'`, uses, report);
    else if (kind !== 'expose' && kind !== 'site')
      report(`: entry ${n + 1} of 'routes' is ${named(route)}: write expose(), compose() or site()`);
  }
}

function usesShape(where: string, uses: unknown, report: Report): void {
  for (const [name, use] of Object.entries(fieldsOf(uses))) {
    const { contract, external } = fieldsOf(use);
    if (typeof external === 'string' || isContract(contract)) continue;
    report(`${where}: uses '${name}' is ${named(contract ?? use)}: write use(Contract) or external('name', { … })`);
  }
}

/** Says what something is, as its author would call it. */
function named(given: unknown): string {
  if (typeof given === 'function') return 'a function';
  if (typeof given !== 'object' || given === null) return given === undefined ? 'undefined' : JSON.stringify(given);
  if (given instanceof Promise) return 'a promise (name a module by a function that imports it)';
  const fields = given as Members;
  if (isContract(given)) return `the contract '${given.name}'`;
  if (isContract(fields['contract'])) {
    if ('policy' in fields) return `use() of the contract '${fields['contract'].name}'`;
    if ('operations' in fields) return 'an expose()';
    return 'a service';
  }
  if (typeof fields['implement'] === 'function') return 'a service without handlers (call .implement({ … }) on it)';
  if (typeof fields['external'] === 'string') return `the external system '${fields['external']}'`;
  if (Array.isArray(fields['routes'])) return 'a gateway';
  if (isEvent(given)) return `the event '${given.name}'`;
  if ('key' in fields && typeof fields['run'] === 'function') return `the saga '${String(fields['name'])}'`;
  if ('~standard' in fields) return 'a schema';
  if (Object.prototype.toString.call(given) === '[object Module]') return 'a module (name it by a function that imports it)';
  return Array.isArray(given) ? 'a list' : 'a plain object';
}

const fieldsOf = (given: unknown): Members => (typeof given === 'object' && given !== null ? (given as Members) : {});
const listOf = (given: unknown): readonly unknown[] => (Array.isArray(given) ? given : []);
const hasFunction = (given: unknown, name: string): boolean => typeof fieldsOf(given)[name] === 'function';

function isDefinition(given: unknown): boolean {
  const { contract, commands, reactions } = fieldsOf(given);
  return contract !== undefined && commands !== undefined && Array.isArray(reactions);
}

function isContract(given: unknown): given is AnyContract {
  const { name, commands, queries, events } = fieldsOf(given);
  return typeof name === 'string' && [commands, queries, events].every((part) => typeof part === 'object' && part !== null);
}

function isEvent(given: unknown): given is { readonly service: string; readonly name: string } {
  const { service, name, schema, key } = fieldsOf(given);
  return typeof service === 'string' && typeof name === 'string' && schema !== undefined && typeof key === 'string';
}
