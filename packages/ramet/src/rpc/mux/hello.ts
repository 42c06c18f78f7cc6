import { decodeJson } from '../../platform/index.ts';
import { ProtocolError } from '../messages.ts';
import { LIMITS, VERSIONS } from './wire.ts';

/** The introduction of each side: the only frame whose form is the same in every version. */
export interface Hello {
  /** The versions that this side speaks. */
  readonly least: number;
  readonly most: number;
  /** The name of the process, for messages. */
  readonly process: string;
  /** The maximum size of one text that this side accepts. */
  readonly payloadBytes: number;
  /** How much of one stream this side accepts before it grants more. */
  readonly windowBytes: number;
}

const NAME_MAX = 200;
/** The least payload that a side must accept. */
const PAYLOAD_LEAST = 1_024;

/** Writes a hello. */
export const encodeHello = (hello: Hello): string => JSON.stringify(hello);

/** Reads a hello. Fields of later versions are ignored. @throws ProtocolError when the text is not a hello */
export function decodeHello(text: string): Hello {
  let given: Record<string, unknown>;
  try {
    given = decodeJson(text) as Record<string, unknown>;
  } catch {
    throw new ProtocolError('a hello that is not JSON');
  }
  const { least, most, process } = given ?? {};
  if (!isVersion(least) || !isVersion(most)) throw new ProtocolError('a hello must name the versions of its side');
  return {
    least,
    most,
    process: typeof process === 'string' ? process.slice(0, NAME_MAX) : '',
    payloadBytes: bytes(given['payloadBytes'], LIMITS.payloadBytes),
    windowBytes: bytes(given['windowBytes'], LIMITS.windowBytes),
  };
}

/** Finds the highest version that both sides speak. @returns undefined when there is none */
export function commonVersion(ours: Pick<Hello, 'least' | 'most'>, theirs: Pick<Hello, 'least' | 'most'>): number | undefined {
  const version = Math.min(ours.most, theirs.most);
  return version >= Math.max(ours.least, theirs.least) ? version : undefined;
}

/** Writes the message for two sides without a common version. */
export function noCommonVersion(theirs: Hello): string {
  const range = ({ least, most }: Pick<Hello, 'least' | 'most'>) => (least === most ? `version ${least}` : `versions ${least} to ${most}`);
  return `process '${theirs.process}' speaks mux ${range(theirs)}, and this one ${range(VERSIONS)}: deploy releases of Ramet that have one in common`;
}

const isVersion = (given: unknown): given is number => Number.isInteger(given) && (given as number) > 0;

const bytes = (given: unknown, otherwise: number): number =>
  typeof given === 'number' && given >= PAYLOAD_LEAST ? Math.min(given, 2 ** 31) : otherwise;
