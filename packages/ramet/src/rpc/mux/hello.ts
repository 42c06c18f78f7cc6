import { decodeJson } from '../../platform/index.ts';
import { ProtocolError } from '../messages.ts';
import { LIMITS, VERSIONS } from './wire.ts';

/** How both sides introduce themselves: the only frame whose form is the same in every version. */
export interface Hello {
  /** The versions that it speaks. */
  readonly least: number;
  readonly most: number;
  /** The name of the process, for people. */
  readonly process: string;
  /** What it takes of one text, at most. */
  readonly payloadBytes: number;
  /** What it may be sent of one stream before it asks for more. */
  readonly windowBytes: number;
}

const NAME_MAX = 200;
/** Nobody has to hold more than this for one frame, whatever the other side could take. */
const PAYLOAD_LEAST = 1_024;

export const encodeHello = (hello: Hello): string => JSON.stringify(hello);

/** Reads a hello; fields of later versions are passed over. @throws ProtocolError when it is none */
export function decodeHello(text: string): Hello {
  let given: Record<string, unknown>;
  try {
    given = decodeJson(text) as Record<string, unknown>;
  } catch {
    throw new ProtocolError('a hello that is no JSON');
  }
  const { least, most, process } = given ?? {};
  if (!isVersion(least) || !isVersion(most)) throw new ProtocolError('a hello names the versions that it speaks');
  return {
    least,
    most,
    process: typeof process === 'string' ? process.slice(0, NAME_MAX) : '',
    payloadBytes: bytes(given['payloadBytes'], LIMITS.payloadBytes),
    windowBytes: bytes(given['windowBytes'], LIMITS.windowBytes),
  };
}

/** The version that two speak with each other. @returns undefined when there is none */
export function commonVersion(ours: Pick<Hello, 'least' | 'most'>, theirs: Pick<Hello, 'least' | 'most'>): number | undefined {
  const version = Math.min(ours.most, theirs.most);
  return version >= Math.max(ours.least, theirs.least) ? version : undefined;
}

/** What is said of two that cannot speak with each other. */
export function noCommonVersion(theirs: Hello): string {
  const range = ({ least, most }: Pick<Hello, 'least' | 'most'>) => (least === most ? `version ${least}` : `versions ${least} to ${most}`);
  return `process '${theirs.process}' speaks mux ${range(theirs)}, and this one ${range(VERSIONS)}: deploy releases of Ramet that have one in common`;
}

const isVersion = (given: unknown): given is number => Number.isInteger(given) && (given as number) > 0;

const bytes = (given: unknown, otherwise: number): number =>
  typeof given === 'number' && given >= PAYLOAD_LEAST ? Math.min(given, 2 ** 31) : otherwise;
