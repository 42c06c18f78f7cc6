import { Settings } from '../platform/index.ts';
import type { StartOptions } from './options.ts';

const PORT_MAX = 65_535;
const DRAIN_MAX_MS = 10 * 60_000;

/** Every number among the options of a start that is out of its range. */
export function startProblems({ ports = {}, rpcPort, probesPort, advertise = {}, admin, drainDelayMs }: StartOptions): string[] {
  const settings = new Settings();
  const port = (name: string, value: number | undefined, least = 0) => settings.count(name, value, least, least, PORT_MAX);
  for (const [gateway, value] of Object.entries(ports)) port(`the port of gateway '${gateway}'`, value);
  port('rpcPort', rpcPort);
  port('probesPort', probesPort);
  port('advertise.rpcPort', advertise.rpcPort, 1);
  port('advertise.probesPort', advertise.probesPort, 1);
  port('admin.port', admin?.port);
  settings.count('drainDelayMs', drainDelayMs, 0, 0, DRAIN_MAX_MS);
  return settings.problems;
}
