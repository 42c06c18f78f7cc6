import type { Caller } from './caller.ts';

/** The content of a token. Times are whole seconds since 1970 (RFC 7519). */
export interface Claims {
  /** The process that signed the token. */
  readonly iss: string;
  /** The service or gateway that calls. */
  readonly sub: string;
  /** The service that is called. */
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly caller: Caller;
}

const KINDS: ReadonlySet<unknown> = new Set<Caller['kind']>(['user', 'service', 'anonymous']);

/** Reads the payload of a token. Unknown members are dropped. @returns undefined when a member is missing or has the wrong type */
export function readClaims(payload: string): Claims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { iss, sub, aud, iat, exp } = value;
  const caller = readCaller(value['caller']);
  if (!isText(iss) || !isText(sub) || !isText(aud) || !isTime(iat) || !isTime(exp) || !caller) return undefined;
  return { iss, sub, aud, iat, exp, caller };
}

function readCaller(value: unknown): Caller | undefined {
  if (!isObject(value)) return undefined;
  const { kind, subject, scopes, issuer, client, initiator, initiatorIssuer } = value;
  if (!KINDS.has(kind) || !isText(subject) || !Array.isArray(scopes) || !scopes.every(isText)) return undefined;
  for (const optional of [issuer, client, initiator, initiatorIssuer]) if (optional !== undefined && !isText(optional)) return undefined;
  // One object serves many calls: changing it would change the caller of the others.
  return Object.freeze({
    kind: kind as Caller['kind'],
    subject,
    scopes: Object.freeze(scopes),
    ...optionalTexts({ issuer, client, initiator, initiatorIssuer }),
  });
}

/** Keeps the fields that are present. */
const optionalTexts = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined));

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
