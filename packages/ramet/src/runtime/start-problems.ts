import { type NamesOf, Settings, shown } from '../platform/index.ts';
import type { Advertised, IdentityKeys, RpcPorts, StartOptions } from './options.ts';

const OPTIONS: NamesOf<StartOptions> = {
  profile: true,
  process: true,
  hosts: true,
  transport: true,
  platform: true,
  name: true,
  version: true,
  env: true,
  logLevel: true,
  logTo: true,
  ports: true,
  sharePorts: true,
  host: true,
  rpcPort: true,
  advertise: true,
  probesPort: true,
  graph: true,
  identity: true,
  admin: true,
  alertWebhook: true,
  bootWait: true,
  drainDelayMs: true,
  instrument: true,
  onFatal: true,
};
const ADVERTISED: NamesOf<Advertised> = { host: true, rpcPort: true, probesPort: true };
const ADMIN: NamesOf<NonNullable<StartOptions['admin']>> = { port: true, tokenFile: true };
const IDENTITY: NamesOf<IdentityKeys> = { privateKey: true, publicKeys: true };

const PORT_MAX = 65_535;
const DRAIN_MAX_MS = 10 * 60_000;

/** Finds what is wrong with the options of a start: names that are not known, and values that are not possible. */
export function startProblems(options: StartOptions): string[] {
  const { ports = {}, rpcPort, probesPort, advertise = {}, admin, drainDelayMs } = options;
  const settings = new Settings();
  settings.names(options, OPTIONS);
  settings.names(advertise, ADVERTISED, 'advertise: ');
  settings.names(options.identity, IDENTITY, 'identity: ');
  const port = (name: string, value: number | undefined, least = 0) => settings.count(name, value, least, least, PORT_MAX);
  if (typeof ports !== 'object') settings.report(`ports: ${shown(ports)} is not a port of each gateway: write { web: 3000 }`);
  for (const [gateway, value] of Object.entries(ports)) port(`the port of gateway '${gateway}'`, value);
  const rpcPorts = (name: string, value: RpcPorts | undefined, least = 0) => {
    if (typeof value === 'object') for (const [protocol, one] of Object.entries(value)) port(`${name}.${protocol}`, one, least);
    else port(name, value, least);
  };
  rpcPorts('rpcPort', rpcPort);
  port('probesPort', probesPort);
  rpcPorts('advertise.rpcPort', advertise.rpcPort, 1);
  port('advertise.probesPort', advertise.probesPort, 1);
  adminProblems(admin, settings);
  port('admin.port', admin?.port);
  settings.count('drainDelayMs', drainDelayMs, 0, 0, DRAIN_MAX_MS);
  return settings.problems;
}

function adminProblems(admin: unknown, settings: Settings): void {
  if (admin === undefined) return;
  if (typeof admin !== 'object' || admin === null) {
    settings.report(`admin: ${shown(admin)} is not the operators' interface: write { port: 7000, tokenFile: '.data/admin.token' }`);
    return;
  }
  settings.names(admin, ADMIN, 'admin: ');
  const { port, tokenFile } = admin as { readonly port?: unknown; readonly tokenFile?: unknown };
  if (port === undefined) settings.report('admin.port is missing: name the port of the operators, or 0 for a free one');
  if (typeof tokenFile !== 'string' || tokenFile === '')
    settings.report("admin.tokenFile is missing: name the file that each start writes the operators' token to, as '.data/admin.token'");
}
