/** The client of a connection, as far as the connection shows it. */
export interface Peer {
  /** The address of the socket's other end, as Node gives it; empty where it has none, as on a Unix socket. */
  readonly socketAddress: string;
  /** The value of each `x-forwarded-for` header. */
  readonly forwardedFor: readonly string[];
}

/** Stands for every client without a known address: all of them share one limit. */
export const UNKNOWN_ADDRESS = 'unknown';

/** Finds one address as {@link clientAddressReader} does. */
export function clientAddress(peer: Peer, trusted: readonly string[]): string {
  return clientAddressReader(trusted)(peer);
}

/**
 * Makes a reader of the client's address behind trusted proxies. It reads `x-forwarded-for` from the right, where our own proxies
 * write; the first address that is not trusted is the client. Everything left of it is a claim of the client and is ignored.
 * If there are two such headers, or an entry before the client is not an address, the address of the socket counts. Express and
 * Envoy (`xff_num_trusted_hops`) have the same rule, by the number of proxies instead of their networks.
 * @param trusted networks such as `10.0.0.0/8` or `fd00::/8`, or single addresses; an empty list trusts no proxy
 * @returns a function that answers with dotted IPv4, also for IPv4 mapped into IPv6; with IPv6 as RFC 5952 writes it; or with `unknown`
 * @throws RangeError when an entry of `trusted` is not a network
 */
export function clientAddressReader(trusted: readonly string[]): (peer: Peer) => string {
  const networks = trusted.map(parseNetwork);
  const isTrusted = (address: IpAddress) => networks.some((network) => contains(network, address));

  return ({ socketAddress, forwardedFor }) => {
    // Node names the interface of link-local addresses, as fe80::1%eth0.
    const socket = parseAddress(socketAddress.replace(/%.*$/, ''));
    if (socket === undefined) return UNKNOWN_ADDRESS;
    const [header, second] = forwardedFor;
    if (header === undefined || second !== undefined || !isTrusted(socket)) return format(socket);
    const entries = header.split(',');
    let client = socket;
    while (entries.length > 0 && isTrusted(client)) {
      const entry = parseAddress(withoutPort((entries.pop() as string).trim()));
      if (entry === undefined) return format(socket);
      client = entry;
    }
    return format(client);
  };
}

/**
 * Makes the key by which a client is limited. One customer has a whole /64 of IPv6, so all of its addresses count as one.
 * @param address an answer of {@link clientAddressReader}
 */
export function limitKey(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === undefined) return address;
  if (parsed.family === 4) return format(parsed);
  return `${format({ family: 6, groups: [...parsed.groups.slice(0, 4), 0, 0, 0, 0] })}/64`;
}

/**
 * Makes a reader of the key under which connections count together: those of one customer, by {@link limitKey}. Connections of trusted
 * proxies have no key, because all clients behind a proxy come from its address; nor do connections without a known address.
 * @param trusted as for {@link clientAddressReader}
 */
export function connectionKeyReader(trusted: readonly string[]): (socketAddress: string) => string | undefined {
  const networks = trusted.map(parseNetwork);
  return (socketAddress) => {
    const address = parseAddress(socketAddress.replace(/%.*$/, ''));
    if (address === undefined || networks.some((network) => contains(network, address))) return undefined;
    return limitKey(format(address));
  };
}

interface IpAddress {
  readonly family: 4 | 6;
  /** Groups of 16 bits: two for IPv4, eight for IPv6. IPv4 mapped into IPv6 is stored as IPv4. */
  readonly groups: readonly number[];
}

interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixBits: number;
}

function parseNetwork(text: string): IpNetwork {
  const [addressText, bitsText, more] = text.split('/');
  const address = parseGroups(addressText as string);
  const bits = bitsText === undefined ? (address?.length ?? 0) * 16 : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
  if (address === undefined || more !== undefined || !(bits <= address.length * 16)) {
    throw new RangeError(`'${text}' is not a network: write an address and the length of its prefix, as 10.0.0.0/8 or fd00::/8`);
  }
  const isMapped = isMappedGroups(address) && bits >= 96;
  const network: IpNetwork = {
    address: isMapped ? { family: 4, groups: address.slice(6) } : { family: address.length === 2 ? 4 : 6, groups: address },
    prefixBits: isMapped ? bits - 96 : bits,
  };
  const stray = network.address.groups.some((group, i) => (group & ~mask(network.prefixBits, i)) !== 0);
  if (stray) throw new RangeError(`'${text}' is not a network: it has bits beyond its prefix; clear them, or lengthen the prefix`);
  return network;
}

function contains({ address, prefixBits }: IpNetwork, other: IpAddress): boolean {
  return (
    address.family === other.family &&
    address.groups.every((group, i) => ((group ^ (other.groups[i] as number)) & mask(prefixBits, i)) === 0)
  );
}

/** Makes the mask of the bits of group `i` that belong to the prefix. */
function mask(prefixBits: number, i: number): number {
  const bits = Math.min(16, Math.max(0, prefixBits - i * 16));
  return (0xffff << (16 - bits)) & 0xffff;
}

/** Removes the port that some proxies write: `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(text);
  return match?.[1] ?? match?.[2] ?? text;
}

function parseAddress(text: string): IpAddress | undefined {
  const groups = parseGroups(text);
  if (groups === undefined) return undefined;
  if (groups.length === 2) return { family: 4, groups };
  return isMappedGroups(groups) ? { family: 4, groups: groups.slice(6) } : { family: 6, groups };
}

function isMappedGroups(groups: readonly number[]): boolean {
  return groups.length === 8 && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

const LONGEST_ADDRESS = '0000:0000:0000:0000:0000:ffff:255.255.255.255'.length;

/** @returns two groups for IPv4, eight for IPv6, undefined for anything else */
function parseGroups(text: string): number[] | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined;
  if (!text.includes(':')) return parseIpv4(text);
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseHalf(halves[0] as string, halves.length === 1);
  const tail = halves.length === 1 ? [] : parseHalf(halves[1] as string, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

function parseHalf(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (mayEndInIpv4 && i === parts.length - 1 && part.includes('.')) {
      const embedded = parseIpv4(part);
      if (embedded === undefined) return undefined;
      groups.push(...embedded);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** Reads four decimal parts. Leading zeros are refused, because some readers take them for octal. */
function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  const [a, b, c, d] = parts.map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}

function format({ family, groups }: IpAddress): string {
  if (family === 4) return groups.flatMap((group) => [group >> 8, group & 0xff]).join('.');
  // The longest run of zero groups becomes `::`, the first one when two are equal, and a single group never.
  let [from, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === 0) end += 1;
    if (end - i > length) [from, length] = [i, end - i];
  }
  const hex = groups.map((group) => group.toString(16));
  if (length === 1) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}
