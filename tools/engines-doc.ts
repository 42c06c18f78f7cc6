import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { embedded } from 'ramet/bus/embedded';
import { kafka } from 'ramet/bus/kafka';
import { postgresBus } from 'ramet/bus/postgres';
import { consul } from 'ramet/discovery/consul';
import { staticAddresses } from 'ramet/discovery/static';
import { redis } from 'ramet/limits/redis';
import { postgres } from 'ramet/store/postgres';
import { sqlite } from 'ramet/store/sqlite';
import { mux } from 'ramet/transport/mux';

/*
 * The tables of docs/engines.md are made from the capability objects that the runtime and the conformance suites read, so
 * the page says of an adapter what the code says. `npm run docs:engines` writes them.
 */

/** What each property means, for people. */
const MEANING: Readonly<Record<string, string>> = {
  shape: 'what it is',
  durable: 'acknowledged data survives the loss of power',
  shared: 'several processes share one',
  sharedCommits: 'transactions that share a commit, at most',
  concurrent: 'concurrent transactions of one process, at most',
  partitions: 'partitions of an outbox',
  order: 'what stays in order',
  remote: 'reaches other processes',
  replay: 'a new subscriber receives older events',
  streams: 'streams: queries that answer many times',
  registers: 'registers processes',
  checks: 'excludes instances that fail their health check',
  pushes: 'reports changes at once',
  survivesRestart: 'counts survive a restart',
};

type Capabilities = { readonly name: string };

const PORTS: readonly { readonly title: string; readonly adapters: readonly Capabilities[] }[] = [
  { title: 'Stores', adapters: [sqlite('.').capabilities, postgres('postgres://localhost').capabilities] },
  {
    title: 'Buses',
    adapters: [
      embedded().capabilities,
      postgresBus('postgres://localhost').capabilities,
      kafka({ brokers: ['localhost:9092'] }).capabilities,
    ],
  },
  { title: 'Transports', adapters: [mux().capabilities] },
  { title: 'Discovery', adapters: [staticAddresses({}).capabilities, consul('http://localhost:8500').capabilities] },
  { title: 'Shared limits', adapters: [redis('redis://localhost').capabilities] },
];

/** The tables, one for each port: a row for each capability, a column for each adapter. */
export function tables(): string {
  return PORTS.map(({ title, adapters }) => {
    const properties = [...new Set(adapters.flatMap((adapter) => Object.keys(adapter)))].filter((name) => name !== 'name');
    const rows = properties.map((property) => {
      const values = adapters.map((adapter) => said((adapter as unknown as Record<string, unknown>)[property]));
      return `| ${MEANING[property] ?? property} | ${values.join(' | ')} |`;
    });
    return [
      `### ${title}`,
      '',
      `| | ${adapters.map(({ name }) => name).join(' | ')} |`,
      `|${'---|'.repeat(adapters.length + 1)}`,
      ...rows,
    ].join('\n');
  }).join('\n\n');
}

const WORDS: Readonly<Record<string, string>> = {
  log: 'a log with positions',
  queue: 'a queue',
  key: 'events of one key',
  'topic-key': 'events of one key in one topic',
  none: 'nothing',
};

function said(value: unknown): string {
  if (value === undefined) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return WORDS[String(value)] ?? String(value);
}

const BEGIN = '<!-- made by tools/engines-doc.ts -->';
const END = '<!-- end -->';
export const PAGE = fileURLToPath(new URL('../docs/engines.md', import.meta.url));

/** The page with its tables made again. @throws Error when it has no place for them */
export function renewed(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/engines.md has no place for its tables, between '${BEGIN}' and '${END}'`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tables()}\n\n${page.slice(end)}`;
}

if (import.meta.main) writeFileSync(PAGE, renewed(readFileSync(PAGE, 'utf8')));
