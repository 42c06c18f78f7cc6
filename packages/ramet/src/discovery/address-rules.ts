/** A set of addresses that may be called: the name of a usual set of ranges, or one range in CIDR notation. */
export type AddressRange = 'private' | 'loopback' | `${string}/${number}`;

interface Range {
  readonly bits: 32 | 128;
  readonly from: bigint;
  readonly to: bigint;
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Addresses that no instance of a service has. A call to one would reach the machine itself, its cloud, or an unknown host. */
const NEVER: readonly (readonly [string, readonly string[]])[] = [
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['link-local, where clouds keep the credentials of a machine', ['169.254.0.0/16', 'fe80::/10']],
  ['the metadata service of a cloud', ['100.100.100.200/32', 'fd00:ec2::254/128']],
  ['multicast or reserved', ['224.0.0.0/3', 'ff00::/8']],
  ['IPv4 in the form of IPv6', ['::ffff:0:0/96', '64:ff9b::/96', '2002::/16', '2001::/32']],
];

/**
 * Makes the rules for the addresses of a registry. Without them, anyone with write access to the registry could direct the calls
 * of every service to an address of their choice (server-side request forgery).
 * @param allow 'private' stands for the ranges of RFC 1918, RFC 6598 and RFC 4193; 'loopback' is for development
 * @returns a function that returns why an address is refused, or undefined when it is allowed
 * @throws RangeError naming everything in `allow` that is not a range
 */
export function addressRules(allow: readonly AddressRange[]): (host: string) => string | undefined {
  const wrong = allow.filter((range) => range !== 'private' && range !== 'loopback' && !parseRange(range));
  if (wrong.length > 0) {
    throw new RangeError(
      `not a range of addresses: ${wrong.map((range) => `'${range}'`).join(', ')}; write 10.0.0.0/8, 'private' or 'loopback'`,
    );
  }
  const allowed = ranges(allow.flatMap((range) => (range === 'private' ? PRIVATE : range === 'loopback' ? LOOPBACK : [range])));
  const loopback = ranges(LOOPBACK);
  const never = NEVER.map(([what, list]) => ({ what, within: ranges(list) }));
  return (host) => {
    const address = parseIpAddress(host);
    if (!address) return `'${host}' is not an IP address`;
    const denied = never.find(({ within }) => contains(within, address));
    if (denied) return `${host} is ${denied.what}`;
    if (contains(allowed, address)) return undefined;
    return contains(loopback, address)
      ? `${host} is loopback: allow it for development by allow: ['loopback']`
      : `${host} is outside the allowed ranges (${allow.join(', ') || 'there are none'})`;
  };
}

function contains(list: readonly Range[], { bits, value }: ParsedAddress): boolean {
  return list.some((range) => range.bits === bits && range.from <= value && value <= range.to);
}

function ranges(list: readonly string[]): Range[] {
  return list.map(parseRange).filter((range) => range !== undefined);
}

/** @returns undefined when the text is not a range; bits after the prefix are ignored */
function parseRange(text: string): Range | undefined {
  const [, host = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseIpAddress(host);
  if (!address || Number(length) > address.bits) return undefined;
  const size = 1n << BigInt(address.bits - Number(length));
  const from = address.value - (address.value % size);
  return { bits: address.bits, from, to: from + size - 1n };
}

interface ParsedAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Reads IPv4 as four decimal numbers, and IPv6 by RFC 4291. Other spellings, zones and names are refused. */
function parseIpAddress(text: string): ParsedAddress | undefined {
  const four = parseFour(text);
  if (four !== undefined) return { bits: 32, value: four };
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return undefined;
  // The last 32 bits may be written as IPv4.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const last = dotted ? parseFour(dotted[2] as string) : undefined;
  if (text.includes('.') && last === undefined) return undefined;
  const plain = last === undefined ? text : `${dotted?.[1]}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill('0'), ...right];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

function parseFour(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}
