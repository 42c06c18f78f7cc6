import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EngineName, restartEngine, startEngine, stopEngine, wipeEngine } from '../../../../infra/engines.ts';
import type { BusName, EngineUnderFire } from './faults.ts';
import { WireCutter } from './wire-cutter.ts';

const scripts = join(import.meta.dirname, '../../../../infra');

/** The engines of one torture, which no other run uses. Disposed, they stop and keep what they have stored. */
export interface OwnEngines extends AsyncDisposable {
  /** Of a superuser. Nothing that is done to {@link wires} is felt here. */
  readonly postgres: string;
  /** Between the processes and each of them. */
  readonly wires: Readonly<Partial<Record<EngineUnderFire, WireCutter>>> & { readonly postgres: WireCutter };
  /** The environment of the shop that uses them. */
  readonly env: Readonly<Record<string, string>>;
  /** Where each keeps its data and its log. */
  readonly folders: readonly string[];
  restart(engine: EngineUnderFire, how: 'immediate' | undefined): Promise<void>;
}

/** Starts them below `parent`, which everybody may enter: PostgreSQL runs as a user of its own. */
export async function startEngines(parent: string, bus: BusName): Promise<OwnEngines> {
  const names: readonly EngineName[] = bus === 'kafka' ? ['postgres', 'consul', 'kafka'] : ['postgres', 'consul'];
  mkdirSync(parent, { recursive: true });
  chmodSync(parent, 0o755);
  const folderOf = (name: EngineName) => join(parent, name);
  // An unexpected end: a signal to the torture, or an uncaught error.
  const leave = () => {
    for (const name of names) {
      try {
        execFileSync(join(scripts, `${name}.sh`), ['stop', folderOf(name)], { stdio: 'ignore' });
      } catch {
        // It has not been started.
      }
    }
  };
  process.on('exit', leave);
  let over = false;
  const end = async (how: (name: EngineName, folder: string) => Promise<void>) => {
    if (over) return;
    over = true;
    await Promise.all(names.map((name) => how(name, folderOf(name))));
    process.off('exit', leave);
  };
  try {
    const toBroker = bus === 'kafka' ? await wireToKafka(folderOf('kafka')) : undefined;
    const [postgres = '', consul = '', kafka] = await Promise.all(names.map((name) => startEngine(name, folderOf(name))));
    const toPostgres = await WireCutter.to(postgres);
    const toConsul = await WireCutter.to(consul);
    const [host = '', port] = kafka?.split(':') ?? [];
    toBroker?.lead({ host, port: Number(port) });
    const wires = { postgres: toPostgres.wire, consul: toConsul.wire, ...(toBroker ? { kafka: toBroker } : {}) };
    return {
      postgres,
      wires,
      env: {
        DATABASE_URL: toPostgres.url,
        CONSUL_URL: new URL(toConsul.url).origin,
        BUS: bus,
        ...(toBroker ? { KAFKA_BROKERS: `127.0.0.1:${toBroker.port}` } : {}),
      },
      folders: names.map(folderOf),
      restart: async (engine, how) => {
        await restartEngine(engine, folderOf(engine), how);
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.all(Object.values(wires).map((wire) => wire[Symbol.asyncDispose]()));
        await end(stopEngine);
      },
    };
  } catch (error) {
    await end(wipeEngine);
    throw error;
  }
}

/** A broker reports its own address to clients: it is configured to report the beginning of the way to it. */
async function wireToKafka(folder: string): Promise<WireCutter> {
  const wire = await WireCutter.open();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'advertised'), `127.0.0.1:${wire.port}\n`);
  return wire;
}
