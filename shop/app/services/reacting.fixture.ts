import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embedded } from 'ramet/bus/embedded';
import { realPlatform } from 'ramet/platform';
import { type Runtime, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import shop from '../topology.ts';

/** What a handler published and sent: no other service receives it here. */
export interface Heard {
  readonly name: string;
  readonly data: any;
}

/**
 * The services of the shop with their real stores, but without a bus between them: a test hands each event to a reaction
 * itself, in whatever order it wants, and sees what the service would have published and sent.
 */
export interface Reacting extends AsyncDisposable {
  /** Hands an event to the reaction of a service, in a transaction as the consumer does. @returns what it published and sent */
  react(service: string, event: string, data: object): Promise<Heard[]>;
  /** Runs a command, or one part of an effect. @throws what the handler throws, and nothing is written */
  command(service: string, command: string, input: object, part?: 'intend' | 'record' | 'reject', request?: object): Promise<Heard[]>;
  rows(service: string, sql: string, ...params: string[]): Promise<any[]>;
  write(service: string, sql: string, ...params: string[]): Promise<unknown>;
}

export async function openReacting(): Promise<Reacting> {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-reacting-'));
  const platform = realPlatform();
  const runtime: Runtime = await start(
    topology({ services: shop.services, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }),
    { logLevel: 'silent', platform },
  );
  let ids = 0;

  const hosted = (name: string) => runtime.services.get(name) as NonNullable<ReturnType<Runtime['services']['get']>>;

  function inTransaction(service: string, work: (context: any) => unknown): Promise<Heard[]> {
    const heard: Heard[] = [];
    return hosted(service).store.write(async (tx) => {
      heard.length = 0;
      await work({
        db: tx.db,
        now: () => new Date(),
        id: (prefix: string) => `${prefix}_${String(++ids).padStart(26, '0')}`,
        emit: new Proxy({}, { get: (_, name: string) => (data: object) => heard.push({ name, data }) }),
        send: (to: { service: string; name: string }, data: object) => heard.push({ name: `send ${to.service}.${to.name}`, data }),
        fail: new Proxy({}, { get: (_, name: string) => (data: object) => Object.assign(new Error(name), { data }) }),
      });
      return heard;
    });
  }

  return {
    react(service, event, data) {
      const reaction = hosted(service).definition.reactions.find((one) => `${one.event.service}.${one.event.name}` === event);
      if (!reaction) throw new Error(`${service} does not react to ${event}`);
      return inTransaction(service, (context) => reaction.run(data, context));
    },
    command(service, command, input, part, request) {
      const handler = hosted(service).definition.commands[command] as any;
      const run = part === undefined ? handler : handler[part].bind(handler);
      return inTransaction(service, (context) => run(input, context, request));
    },
    rows: (service, sql, ...params) => hosted(service).store.reader.all(sql, ...params),
    write: (service, sql, ...params) => hosted(service).store.write((tx) => tx.run(sql, ...params)),
    async [Symbol.asyncDispose]() {
      await runtime.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Every order of some things. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
