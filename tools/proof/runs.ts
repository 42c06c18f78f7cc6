/** What a run of the proof came to: whether every promise held, and its figures as a reader wants them. */
export interface Outcome {
  readonly ok: boolean;
  readonly figures: string;
}

/** One row of the proof. */
export interface Run {
  /** What tries to break a promise. */
  readonly what: string;
  /** The npm script that repeats it, with its arguments. `{json}` stands for a file in which the script leaves its report. */
  readonly script: readonly string[];
  /** The longest time that it may take, in minutes. */
  readonly limitMinutes: number;
  /** Reads the outcome from the exit code, from all that was printed and from the report. */
  readonly read: (ran: Ran) => Outcome;
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
  /** Undefined when the run left none. */
  readonly report: unknown;
}

/** Every long run, in the order in which they are made. Each takes minutes on a machine with two cores. */
export const RUNS: Readonly<Record<string, Run>> = {
  tests: { what: 'the tests', script: ['test'], limitMinutes: 40, read: sums },
  engines: {
    what: 'conformance and acceptance on PostgreSQL, Kafka, Redis and Consul',
    script: ['test:engines'],
    limitMinutes: 60,
    read: sums,
  },
  simulation: {
    what: 'simulation: all services under a seed, with every kind of fault',
    script: ['simulate', '--', '--seeds', '3000', '--json', '{json}'],
    limitMinutes: 60,
    read: simulated,
  },
  exploration: {
    what: 'exploration: a kill at every single point that an order passes',
    script: ['simulate', '--', '--explore', '--json', '{json}'],
    limitMinutes: 20,
    read: explored,
  },
  planted: {
    what: 'planted defects: known mistakes that the simulator must find',
    script: ['planted'],
    limitMinutes: 40,
    read: planted,
  },
  kills: {
    what: 'torture of one process on SQLite: 200 kills under load',
    script: ['torture', '--', '--kills', '200', '--json', '{json}'],
    limitMinutes: 40,
    read: tortured,
  },
  'services-postgres': {
    what: 'torture of many processes, events by PostgreSQL: 100 faults',
    script: ['torture', '--', '--profile', 'services', '--bus', 'postgres', '--kills', '100', '--json', '{json}'],
    limitMinutes: 60,
    read: tortured,
  },
  'services-kafka': {
    what: 'torture of many processes, events by Kafka: 100 faults',
    script: ['torture', '--', '--profile', 'services', '--bus', 'kafka', '--kills', '100', '--json', '{json}'],
    limitMinutes: 60,
    read: tortured,
  },
};

const whole = (count: number) => count.toLocaleString('en-US');

function sums({ code, output }: Ran): Outcome {
  const [, passed, failed] = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1) ?? [];
  if (passed === undefined) return { ok: false, figures: 'ended without a sum' };
  return { ok: code === 0 && failed === '0', figures: `${whole(Number(passed))} passed, ${whole(Number(failed))} failed` };
}

function planted({ code, output }: Ran): Outcome {
  const [, passed, failed] = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1) ?? [];
  if (passed === undefined) return { ok: false, figures: 'ended without a sum' };
  const seeds = [...output.matchAll(/^found .*: after (\d+) seeds/gm)].map(([, count]) => Number(count));
  const most = seeds.length === 0 ? '' : `, each within ${Math.max(...seeds)} seeds`;
  return { ok: code === 0, figures: `${passed} of ${Number(passed) + Number(failed)} found${most}` };
}

interface Campaign {
  readonly seeds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  readonly nondeterministic: readonly unknown[];
  readonly failures: readonly unknown[];
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

function simulated({ code, report }: Ran): Outcome {
  if (report === undefined) return { ok: false, figures: 'ended without a report' };
  const campaigns = Object.values(report as Record<string, Campaign>);
  const seeds = sum(campaigns.map((campaign) => campaign.seeds));
  const faults = sum(campaigns.flatMap((campaign) => Object.values(campaign.faults)));
  const hours = sum(campaigns.map(({ simulatedMs }) => simulatedMs)) / 3_600_000;
  const broken = sum(campaigns.map(({ failures, nondeterministic }) => failures.length + nondeterministic.length));
  return {
    ok: code === 0 && broken === 0,
    figures: `${whole(seeds)} seeds, ${whole(faults)} faults, ${whole(Math.round(hours))} simulated hours: ${whole(broken)} broken promises`,
  };
}

interface Explored {
  readonly points: number;
  readonly failures: readonly unknown[];
}

function explored({ code, report }: Ran): Outcome {
  if (report === undefined) return { ok: false, figures: 'ended without a report' };
  const all = Object.values(report as Record<string, readonly Explored[]>).flat();
  const broken = sum(all.map(({ failures }) => failures.length));
  return {
    ok: code === 0 && broken === 0,
    figures: `${whole(sum(all.map(({ points }) => points)))} points: ${whole(broken)} broken promises`,
  };
}

interface Tortured {
  readonly seed: number;
  readonly kills: { readonly total: number };
  readonly orders: { readonly placed: number };
  readonly requests: { readonly total: number };
  readonly events: number;
  readonly seconds: number;
  readonly judgements: readonly { readonly violations: readonly string[] }[];
}

function tortured({ code, report }: Ran): Outcome {
  if (report === undefined) return { ok: false, figures: 'ended without a report' };
  const { kills, orders, requests, events, seconds, judgements, seed } = report as Tortured;
  const held = judgements.filter(({ violations }) => violations.length === 0).length;
  return {
    ok: code === 0 && held === judgements.length,
    figures:
      `${kills.total} in ${Math.round(seconds / 60)} min (seed ${seed}); ${whole(requests.total)} requests, ${whole(orders.placed)} orders, ` +
      `${whole(events)} events: ${held} of ${judgements.length} checks passed`,
  };
}
