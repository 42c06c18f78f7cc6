import { isoOf } from '../../platform/index.ts';
import type { Envelope } from '../envelope.ts';
import type { LogRow } from '../source/partition-reader.ts';

/** A record as it came from a topic. */
export interface Received {
  readonly topic: string;
  readonly p: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

const P_HEADER = Buffer.from('ramet-p');
const POS_HEADER = Buffer.from('ramet-pos');

/** The headers of a record that say where its event is in the outbox of its source. */
export const headersOf = (p: number, pos: number): Map<Buffer, Buffer> =>
  new Map([
    [P_HEADER, Buffer.from(String(p))],
    [POS_HEADER, Buffer.from(String(pos))],
  ]);

/** A number in a header. Producers in other languages need not write those. */
function numberIn(headers: Received['headers'], name: Buffer): number | undefined {
  const text = headers.find(([key]) => key?.equals(name))?.[1]?.toString('latin1') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const TEXTS = ['id', 'type', 'source', 'key', 'timestamp', 'correlationId', 'traceparent'] as const;
/** How many characters are kept of a record that is not an envelope. */
const RAW_MAX = 10_000;

/**
 * Reads a record. A producer can write anything to a topic: a record that is not an envelope of docs/events.md, or is of another
 * type than its topic, becomes an event that its consumer refuses, and then a dead letter.
 * @param types the types of this topic that the group takes; the only one where the topic has one type
 * @param oneType whether the topic has one type only
 * @returns undefined when the group does not take events of its type
 */
export function rowOf(record: Received, types: ReadonlySet<string>, oneType: boolean): LogRow | undefined {
  const pos = Number(record.offset) + 1;
  const text = record.value?.toString('utf8') ?? '';
  const [expected = ''] = types;
  const read = envelopeOf(text);
  if ('envelope' in read) {
    if (types.has(read.envelope.type)) {
      const sourceP = numberIn(record.headers, P_HEADER);
      return { pos, type: read.envelope.type, envelope: read.envelope, sourceP, sourcePos: numberIn(record.headers, POS_HEADER) };
    }
    if (!oneType) return undefined;
  }
  const problem = 'problem' in read ? read.problem : `its 'type' is '${read.envelope.type}'`;
  const where = `${record.topic}/${record.p}@${record.offset}`;
  return {
    pos,
    type: expected,
    refused: `the message at ${where} is not an event '${expected}': ${problem}`,
    envelope: {
      id: where,
      type: expected,
      version: 0,
      source: expected.slice(0, expected.indexOf('.')),
      key: record.key?.toString('utf8') ?? '',
      timestamp: isoOf(record.timestampMs),
      correlationId: where,
      traceparent: '',
      data: { raw: text.slice(0, RAW_MAX) },
    },
  };
}

function envelopeOf(text: string): { envelope: Envelope } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `it is not JSON (${(error as Error).message})` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'it is not a JSON object' };
  const fields = value as Record<string, unknown>;
  for (const name of TEXTS) if (typeof fields[name] !== 'string') return { problem: `its '${name}' is not a text` };
  if (fields['id'] === '') return { problem: "its 'id' is empty" };
  if (!Number.isInteger(fields['version']) || (fields['version'] as number) < 1)
    return { problem: "its 'version' is not a whole number from 1" };
  for (const name of ['causationId', 'initiator', 'initiatorIssuer'])
    if (fields[name] !== undefined && typeof fields[name] !== 'string') return { problem: `its '${name}' is not a text` };
  if (typeof fields['data'] !== 'object' || fields['data'] === null) return { problem: "its 'data' is not an object" };
  return { envelope: value as Envelope };
}
