import { type Exchange, orderIdsOf } from './history.ts';
import type { TortureOptions } from './options.ts';
import { SERVICES } from './subscriptions.ts';
import { wasOpen } from './verdict/answers.ts';
import { type Evidence, type Life, ordersOf, preordersOf, returnsOf, type Struck } from './verdict/check.ts';
import type { Judgement } from './verdict/verdict.ts';

/** What one torture came to, in numbers. */
export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: { readonly total: number; readonly atPoints: Readonly<Record<string, number>>; readonly beforeReady: number };
  /** How many of each kind there were, where a shop of many processes was struck. */
  readonly faults: Readonly<Record<string, number>>;
  /** How many kills or faults hit at least one of these, and how many they hit together. */
  readonly hits: Readonly<Record<string, { readonly kills: number; readonly together: number }>>;
  readonly orders: {
    readonly placed: number;
    readonly confirmed: number;
    readonly cancelled: number;
    readonly byReason: Readonly<Record<string, number>>;
    readonly byKind: Readonly<Record<string, number>>;
  };
  readonly requests: {
    readonly total: number;
    readonly unanswered: number;
    readonly byStatus: Readonly<Record<string, number>>;
    readonly repeatedKeys: number;
    readonly cancellations: Readonly<Record<string, number>>;
  };
  /** How many of each status. */
  readonly returns: Readonly<Record<string, number>>;
  readonly preorders: Readonly<Record<string, number>>;
  readonly events: number;
  readonly mails: { readonly sent: number; readonly facts: number };
  readonly sigterm: readonly { readonly requestsWaiting: number; readonly ms: number }[];
  readonly recovery: { readonly longestStartMs: number; readonly settledMs: number };
  readonly judgements: readonly Judgement[];
}

export function reportOf(options: TortureOptions, evidence: Evidence, judgements: readonly Judgement[], seconds: number): Report {
  const { databases, faults, history, lives } = evidence;
  const killed = lives.filter(({ planned }) => planned !== 'SIGTERM');
  const struck: readonly (Life | Struck)[] = faults.length > 0 ? faults : killed;
  const orders = ordersOf(evidence);
  const hit = (count: (one: Life | Struck) => number) => ({
    kills: struck.filter((one) => count(one) > 0).length,
    together: struck.reduce((sum, one) => sum + count(one), 0),
  });
  return {
    seed: options.seed,
    seconds,
    kills: {
      total: struck.length,
      atPoints: tally(
        killed.flatMap(({ planned, reached }) =>
          planned !== 'SIGTERM' && planned.kind === 'point' && reached ? [planned.stopAt.split('#')[0] as string] : [],
        ),
      ),
      beforeReady: killed.filter(({ readyMono }) => readyMono === undefined).length,
    },
    faults: tally(faults.map(({ kind }) => kind)),
    hits: {
      'an open saga': hit((one) => (one.hit?.openSagas ?? 0) + (one.hit?.compensations ?? 0)),
      'a compensation': hit((one) => one.hit?.compensations ?? 0),
      'an effect between its transactions': hit((one) => one.hit?.effects ?? 0),
      'an event not handled yet': hit((one) => one.hit?.events ?? 0),
      'a request not answered yet': hit((one) => history.exchanges.filter((exchange) => wasLost(exchange, one)).length),
    },
    orders: {
      placed: orders.length,
      confirmed: orders.filter(({ status }) => status === 'confirmed').length,
      cancelled: orders.filter(({ status }) => status === 'cancelled').length,
      byReason: tally(orders.flatMap(({ reason }) => (reason === null ? [] : [reason.replace(/^out of stock: .*/, 'out of stock')]))),
      byKind: tally(history.placements.map(({ kind }) => kind)),
    },
    requests: {
      total: history.exchanges.length,
      unanswered: history.exchanges.filter(({ status }) => status === undefined).length,
      byStatus: tally(history.exchanges.map(({ status, error }) => String(status ?? error))),
      repeatedKeys: history.placements.filter((placement) => orderIdsOf(placement).length === 1 && placement.answers.length > 1).length,
      cancellations: tally(history.cancellations.flatMap(({ answers }) => answers.map(({ status }) => String(status)))),
    },
    returns: tally(returnsOf(evidence).map(({ stage }) => stage)),
    preorders: tally(preordersOf(evidence).map(({ status }) => status)),
    events: SERVICES.reduce((sum, service) => sum + databases.count(service, 'select count(*) from ramet_outbox'), 0),
    mails: {
      sent: databases.count('mail', 'select count(*) from messages'),
      facts: databases.count('mail', 'select count(distinct message_id) from messages'),
    },
    sigterm: lives.flatMap(({ toldMono, endedMono }) =>
      toldMono === undefined
        ? []
        : [
            {
              requestsWaiting: history.exchanges.filter((exchange) => wasOpen(exchange, toldMono)).length,
              ms: Math.round(endedMono - toldMono),
            },
          ],
    ),
    recovery: {
      longestStartMs: Math.round(Math.max(0, ...lives.map(({ startedMono, readyMono }) => (readyMono ?? startedMono) - startedMono))),
      settledMs: Math.round(evidence.settling.ms),
    },
    judgements,
  };
}

/** Whether a request had been sent in this life or before this fault, and the answer died with it. */
const wasLost = ({ startedMono, sentMono, endedMono, status }: Exchange, one: Life | Struck): boolean =>
  'words' in one
    ? sentMono !== undefined && startedMono < one.startedMono && endedMono > one.startedMono && (status === undefined || status >= 500)
    : sentMono !== undefined && status === undefined && startedMono > one.startedMono && startedMono <= one.endedMono;

const tally = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
};

/** The report for people. */
export function linesOfReport(report: Report): string[] {
  const { kills, hits, orders, requests, mails, recovery } = report;
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([word, count]) => `${count} ${word}`)
      .join(', ') || 'none';
  const rows: [string, string][] = [
    ['seed', String(report.seed)],
    ['duration', `${report.seconds.toFixed(1)} s`],
    Object.keys(report.faults).length > 0
      ? ['faults', `${kills.total}: ${listed(report.faults)}`]
      : ['kills', `${kills.total}, of them before ready ${kills.beforeReady}; at points: ${listed(kills.atPoints)}`],
    ...Object.entries(hits).map(([what, { kills: count, together }]): [string, string] => [
      `  hit ${what}`,
      `${count} of them, ${together} in all`,
    ]),
    ['orders', `${orders.placed} placed, ${orders.confirmed} confirmed, ${orders.cancelled} cancelled`],
    ...Object.entries(orders.byReason).map(([reason, count]): [string, string] => [`  ${reason}`, String(count)]),
    ['  by kind', listed(orders.byKind)],
    ['returns', listed(report.returns)],
    ['pre-orders', listed(report.preorders)],
    ['requests', `${requests.total}, of them without an answer ${requests.unanswered}: ${listed(requests.byStatus)}`],
    ['  keys answered more than once', String(requests.repeatedKeys)],
    ['  cancellations', listed(requests.cancellations)],
    ['events', String(report.events)],
    ['mails', `${mails.sent} of ${mails.facts} facts`],
    ...report.sigterm.map(({ requestsWaiting, ms }): [string, string] => [
      'SIGTERM',
      `${requestsWaiting} requests were waiting; ended after ${ms} ms`,
    ]),
    ['longest start', `${recovery.longestStartMs} ms`],
    ['settled', `${(recovery.settledMs / 1_000).toFixed(1)} s after the last restart`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

const SHOWN_MAX = 20;

export function linesOfJudgements(judgements: readonly Judgement[]): string[] {
  return judgements.flatMap(({ name, violations }) => [
    `${violations.length === 0 ? 'ok  ' : 'FAIL'} ${name}${violations.length === 0 ? '' : `: ${violations.length}`}`,
    ...violations.slice(0, SHOWN_MAX).map((violation) => `       ${violation}`),
    ...(violations.length > SHOWN_MAX ? [`       and ${violations.length - SHOWN_MAX} more in report.json`] : []),
  ]);
}
