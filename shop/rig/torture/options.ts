import { parseArgs } from 'node:util';

export interface TortureOptions {
  /** One process on SQLite, or one per service and gateway on engines of its own. */
  readonly profile: 'monolith' | 'services';
  /** Which bus the services have. */
  readonly bus: 'postgres' | 'kafka';
  readonly kills: number;
  readonly seed: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly clients: number;
  readonly customers: number;
  readonly sigterm: boolean;
  readonly keep: boolean;
  readonly json: string | undefined;
}

export const USAGE = `usage: npm run torture -- [--profile monolith | services] [--bus postgres | kafka]
                          [--kills 10] [--seed <number>] [--seconds-between 0.3-2.5] [--clients 16] [--customers 12]
                          [--no-sigterm] [--keep] [--json <file>]`;

/** @throws Error with what is wrong with the arguments */
export function optionsOf(args: readonly string[]): TortureOptions {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      profile: { type: 'string', default: 'monolith' },
      bus: { type: 'string', default: 'postgres' },
      kills: { type: 'string', default: '10' },
      seed: { type: 'string' },
      'seconds-between': { type: 'string', default: '0.3-2.5' },
      clients: { type: 'string', default: '16' },
      customers: { type: 'string', default: '12' },
      sigterm: { type: 'boolean', default: true },
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const [secondsMin = '', secondsMax = secondsMin] = values['seconds-between'].split('-');
  const options = {
    profile: oneOf('--profile', values.profile, ['monolith', 'services']),
    bus: oneOf('--bus', values.bus, ['postgres', 'kafka']),
    kills: number('--kills', values.kills),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : number('--seed', values.seed),
    secondsMin: number('--seconds-between', secondsMin, false),
    secondsMax: number('--seconds-between', secondsMax, false),
    clients: number('--clients', values.clients),
    customers: number('--customers', values.customers),
    sigterm: values.sigterm,
    keep: values.keep,
    json: values.json,
  };
  if (options.secondsMin > options.secondsMax) throw new Error('--seconds-between names the smaller number first, such as 0.3-2.5');
  if (options.clients < 1 || options.customers < 1) throw new Error('there must be a client and a customer');
  return options;
}

function oneOf<const Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new Error(`${name} is '${text}', and must be one of: ${words.join(', ')}`);
  return found;
}

function number(name: string, text: string, whole = true): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0) || (whole && !Number.isInteger(value)))
    throw new Error(`${name} is '${text}', which is not a number for it`);
  return value;
}
