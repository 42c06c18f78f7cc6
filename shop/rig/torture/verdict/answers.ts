import { readFileSync } from 'node:fs';
import type { Exchange } from '../history.ts';
import { SERVICES } from '../subscriptions.ts';
import type { Check, Evidence, Life } from './check.ts';

/** "Not now", which a client must be able to live with. */
const NOT_NOW = new Set([503, 504]);
/** What each request of the workload may be answered; what an order or a cancellation was answered is judged with them. */
const EXPECTED: readonly (readonly [pattern: RegExp, statuses: readonly number[]])[] = [
  [/^POST \/api\/users$/, [201, 409]],
  [/^POST \/api\/sessions$/, [201, 429]],
  [/^POST \/api\/orders$/, [202, 422]],
  [/^POST \/api\/orders\/[^/]+\/cancel$/, [202, 409]],
  [/^POST \/api\/orders\/[^/]+\/returns$/, [202]],
  [/^POST \/api\/preorders$/, [202]],
  [/^POST \/api\/preorders\/[^/]+\/cancel$/, [202, 409]],
  [/^GET /, [200]],
];

export const statuses: Check = {
  name: 'no answer is wrong: beside the expected ones only 503 and 504',
  *violations({ history }) {
    for (const exchange of history.exchanges) {
      const { method, path, status } = exchange;
      if (status === undefined || NOT_NOW.has(status)) continue;
      const expected = EXPECTED.find(([pattern]) => pattern.test(`${method} ${path.split('?')[0]}`))?.[1] ?? [];
      if (!expected.includes(status)) yield `${exchange.client}: ${method} ${path} was answered ${status} ${JSON.stringify(exchange.body)}`;
    }
  },
};

/** A client sees the end of a connection a little earlier or later than the torture sees the end of the process. */
const TOLERANCE_MS = 500;

export const connections: Check = {
  name: 'no connection broke while the shop lived',
  *violations({ history, lives }) {
    for (const exchange of history.exchanges) {
      if (exchange.status !== undefined) continue;
      const life = lives.find(({ readyMono, toldMono, endedMono }) => {
        const untilMono = (toldMono ?? endedMono) - TOLERANCE_MS;
        return readyMono !== undefined && exchange.startedMono > readyMono && exchange.endedMono < untilMono;
      });
      if (life) yield `in life ${life.number}: ${toldOf(exchange)}`;
    }
  },
};

export const answeredOnSigterm: Check = {
  name: 'after SIGTERM every accepted request is answered, and the process ends in order',
  *violations({ history, lives }) {
    for (const life of lives) {
      const { toldMono } = life;
      if (toldMono === undefined) continue;
      if (life.code !== 0) yield `life ${life.number} ended with code ${life.code}, signal ${life.signal}`;
      for (const exchange of history.exchanges)
        if (exchange.status === undefined && wasOpen(exchange, toldMono))
          yield `in life ${life.number}: ${toldOf(exchange)}, ${Math.round(toldMono - (exchange.sentMono as number))} ms before SIGTERM`;
    }
  },
};

/** Whether a request had been sent as a whole, and was not answered yet. */
export const wasOpen = ({ sentMono, endedMono }: Exchange, mono: number): boolean =>
  sentMono !== undefined && sentMono < mono && endedMono > mono;

const toldOf = ({ client, method, path, error, sentMono }: Exchange): string =>
  `${client}: ${method} ${path} ended with ${error}, ${sentMono === undefined ? 'not sent' : 'sent'}`;

/** Lines of the log that speak of an error, and what makes each of them right. */
const EXPLAINED: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^\S+ ended \(\S+\) (and is started again|when it was stopped)$/, 'unexpected ends are reported with the ends'],
  [/^replaced every process$/, 'it was requested'],
];

/** The same where engines are restarted and processes killed while others continue. */
const EXPLAINED_BY_FAULTS: typeof EXPLAINED = [
  [/"event":"bus_(?:failed|unavailable)"/, 'PostgreSQL or the broker was unavailable'],
  [/"level":"error".*step '[^']+' does not succeed and is retried/, 'a step behind the pivot waits for its service'],
  [/^\{(?!.*"level":"error")/, 'a process was killed while it wrote the line'],
];

export const logs: Check = {
  name: 'the log names no error that is not explained',
  *violations({ lives, faults }) {
    const explained = faults.length > 0 ? [...EXPLAINED, ...EXPLAINED_BY_FAULTS] : EXPLAINED;
    for (const life of lives)
      for (const line of linesOf(life)) {
        if (/^ready http:\S+$/.test(line)) continue;
        if (explained.some(([pattern]) => pattern.test(line))) continue;
        const level = levelOf(line);
        if (level === undefined || level === 'error' || level === 'fatal') yield `life ${life.number}: ${line}`;
      }
  },
};

function linesOf({ logFiles, signal }: Life): string[] {
  return logFiles.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    // A kill may cut the last line.
    if (signal === 'SIGKILL') lines.pop();
    return lines.filter((line) => line !== '');
  });
}

function levelOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { level?: string }).level;
  } catch {
    return undefined;
  }
}

export const ends: Check = {
  name: 'the shop ends only when it is stopped or killed',
  *violations({ lives, ill }) {
    yield* ill;
    for (const { number, planned, reached, signal, code } of lives)
      if (planned !== 'SIGTERM' && (signal !== 'SIGKILL' || (reached && planned.kind !== 'point')))
        yield `life ${number} ended unexpectedly with code ${code}, signal ${signal}`;
  },
};

export const sound: Check = {
  name: 'every database is sound',
  *violations({ databases, unsound }: Evidence) {
    yield* unsound;
    for (const name of [...SERVICES, 'provider', 'mail']) {
      try {
        for (const { integrity_check: found } of databases.rows<{ integrity_check: string }>(name, 'pragma integrity_check'))
          if (found !== 'ok') yield `${name}: ${found}`;
      } catch (error) {
        yield `${name}: ${(error as Error).message}`;
      }
    }
  },
};
