import { Settings } from '../platform/index.ts';
import type { RpcPorts, StartOptions } from './options.ts';

const PORT_MAX = 65_535;
const DRAIN_MAX_MS = 10 * 60_000;

/** Every number among the options of a start that is out of its range. */
export function startProblems({ ports = {}, rpcPort, probesPort, advertise = {}, admin, drainDelayMs }: StartOptions): string[] {
  const settings = new Settings();
  const port = (name: string, value: number | undefined, least = 0) => settings.count(name, value, least, least, PORT_MAX);
  for (const [gateway, value] of Object.entries(ports)) port(`the port of gateway '${gateway}'`, value);
  const rpcPorts = (name: string, value: RpcPorts | undefined, least = 0) => {
    if (typeof value === 'object') for (const [protocol, one] of Object.entries(value)) port(`${name}.${protocol}`, one, least);
    else port(name, value, least);
  };
  rpcPorts('rpcPort', rpcPort);
  port('probesPort', probesPort);
  rpcPorts('advertise.rpcPort', advertise.rpcPort, 1);
  port('advertise.probesPort', advertise.probesPort, 1);
  port('admin.port', admin?.port);
  settings.count('drainDelayMs', drainDelayMs, 0, 0, DRAIN_MAX_MS);
  return settings.problems;
}
