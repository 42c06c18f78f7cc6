/** The parts of a mail message that people and tests look at. */
export interface ParsedMessage {
  readonly messageId: string | null;
  readonly subject: string;
  /** The plain text, or the raw HTML of a message that has nothing else. Lines end with \n. */
  readonly text: string;
  /** Decoded header values by lower-case name; values of a repeated header are joined by a line break. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Part {
  readonly headers: Record<string, string>;
  readonly body: string;
}

// Deep enough for every real message, and a bound for those made to exhaust the stack.
const maxDepth = 8;

/** Reads a message. Malformed messages are read as far as they make sense; none makes this throw. */
export function parseMessage(raw: Buffer): ParsedMessage {
  // latin1 keeps every byte as one character, so that bodies can be cut as text and decoded by their own charset.
  const message = splitPart(raw.toString('latin1'));
  const found = textOf(message, 'text/plain', 0) ?? textOf(message, 'text/html', 0) ?? '';
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, decodeHeader(value)]));
  return {
    messageId: headers['message-id'] || null,
    subject: headers.subject ?? '',
    text: found.replaceAll('\r\n', '\n').replace(/\n+$/, ''),
    headers,
  };
}

function splitPart(text: string): Part {
  const end = /^\r?\n|\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text;
  const body = end ? text.slice(end.index + end[0].length) : '';
  const headers: Record<string, string> = Object.create(null);
  // A line that begins with a blank continues the one before: mailers break lines where the value had one blank.
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}\n${value}` : value;
  }
  return { headers, body };
}

function textOf(part: Part, wanted: string, depth: number): string | undefined {
  const { type, parameters } = contentType(part.headers['content-type']);
  if (type.startsWith('multipart/')) {
    if (depth >= maxDepth || !parameters.boundary) return undefined;
    for (const inner of partsOf(part.body, parameters.boundary)) {
      const text = textOf(splitPart(inner), wanted, depth + 1);
      if (text !== undefined) return text;
    }
    return undefined;
  }
  const attached = /^attachment/i.test(part.headers['content-disposition'] ?? '');
  if (type !== wanted || attached) return undefined;
  return decodeBytes(bodyBytes(part), parameters.charset);
}

function contentType(header = 'text/plain'): { type: string; parameters: Record<string, string | undefined> } {
  const [type = '', ...rest] = header.split(';');
  const parameters: Record<string, string | undefined> = Object.create(null);
  for (const [, name = '', quoted, plain] of rest.join(';').matchAll(/([\w*-]+)\s*=\s*(?:"([^"]*)"|([^\s;]+))/g)) {
    parameters[name.toLowerCase()] = quoted ?? plain;
  }
  return { type: type.trim().toLowerCase(), parameters };
}

function partsOf(body: string, boundary: string): string[] {
  const parts: string[] = [];
  let current: string[] | undefined;
  for (const line of body.split(/\r?\n/)) {
    if (line.trimEnd() === `--${boundary}` || line.trimEnd() === `--${boundary}--`) {
      if (current) parts.push(current.join('\r\n'));
      if (line.trimEnd() === `--${boundary}--`) return parts;
      current = [];
    } else {
      current?.push(line);
    }
  }
  if (current) parts.push(current.join('\r\n'));
  return parts;
}

function bodyBytes({ headers, body }: Part): Buffer {
  const encoding = headers['content-transfer-encoding']?.toLowerCase();
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding === 'quoted-printable') return quotedPrintable(body.replace(/[ \t]+(?=\r?\n|$)/g, '').replace(/=\r?\n/g, ''));
  return Buffer.from(body, 'latin1');
}

function quotedPrintable(text: string): Buffer {
  const bytes = text.replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function decodeBytes(bytes: Buffer, charset = 'utf-8'): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

const encodedWord = /=\?([^?\s]+)\?([bqBQ])\?([^?\s]*)\?=/g;

/**
 * Decodes the encoded words (RFC 2047) of a header. Neighbours in one charset are decoded together, because mailers
 * do cut a character in two; the blank between neighbours exists only on the wire.
 */
function decodeHeader(value: string): string {
  let result = '';
  let position = 0;
  let pending: { charset: string; bytes: Buffer } | undefined;
  for (const match of value.matchAll(encodedWord)) {
    const [whole, label = '', encoding = '', content = ''] = match;
    const between = value.slice(position, match.index);
    position = match.index + whole.length;
    // A charset may carry a language: utf-8*en.
    const charset = label.split('*')[0]?.toLowerCase() ?? '';
    const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : quotedPrintable(content.replaceAll('_', ' '));
    const neighbour = pending !== undefined && between.trim() === '';
    if (pending && neighbour && pending.charset === charset) {
      pending = { charset, bytes: Buffer.concat([pending.bytes, bytes]) };
      continue;
    }
    if (pending) result += decodeBytes(pending.bytes, pending.charset);
    if (!neighbour) result += rawText(between);
    pending = { charset, bytes };
  }
  if (pending) result += decodeBytes(pending.bytes, pending.charset);
  return result + rawText(value.slice(position));
}

/** Header text outside of encoded words; mailers that speak SMTPUTF8 write UTF-8 there. */
function rawText(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
