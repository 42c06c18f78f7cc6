import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress, clientAddressReader, limitKey, UNKNOWN_ADDRESS } from './client-address.ts';

const direct = (socketAddress: string) => clientAddress({ socketAddress, forwardedFor: [] }, []);
const behind = (forwardedFor: string | string[], trusted = ['10.0.0.0/8', 'fd00::/8'], socketAddress = '10.0.0.1') =>
  clientAddress({ socketAddress, forwardedFor: [forwardedFor].flat() }, trusted);

describe('clientAddress', () => {
  it('trusts no proxy by default', () => {
    expect(behind('203.0.113.7', [])).toBe('10.0.0.1');
    expect(clientAddress({ socketAddress: '198.51.100.1', forwardedFor: ['203.0.113.7'] }, ['10.0.0.0/8'])).toBe('198.51.100.1');
  });

  it('takes the first address from the right that is not trusted', () => {
    expect(behind('203.0.113.7')).toBe('203.0.113.7');
    expect(behind('1.1.1.1, 203.0.113.7, 10.9.9.9,fd00::5')).toBe('203.0.113.7');
  });

  it('takes the farthest one when all are trusted', () => {
    expect(behind('10.0.0.3, 10.0.0.2')).toBe('10.0.0.3');
  });

  it('ignores the claims of the client', () => {
    expect(behind('garbage, ::::, 203.0.113.7, 10.0.0.2')).toBe('203.0.113.7');
  });

  it.each([
    '',
    'unknown',
    'garbage',
    '203.0.113.7, ',
    '203.0.113.7,, 10.0.0.2',
    '203.0.113.07',
    '0x7f.1',
    '1.2.3',
    '256.1.1.1',
    'fe80::1%eth0',
    '1.2.3.4:x',
  ])('falls back to the socket when it meets %j', (header) => {
    expect(behind(header)).toBe('10.0.0.1');
  });

  it('falls back to the socket when there are two headers', () => {
    expect(behind(['203.0.113.7', '203.0.113.8'])).toBe('10.0.0.1');
  });

  it('takes entries with a port', () => {
    expect(behind('203.0.113.7:4711')).toBe('203.0.113.7');
    expect(behind('[2001:db8::7]:4711')).toBe('2001:db8::7');
    expect(behind('[2001:DB8::7]')).toBe('2001:db8::7');
  });

  it('writes mapped IPv4 as IPv4, and trusts it as such', () => {
    expect(direct('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(direct('::FFFF:c000:0201')).toBe('192.0.2.1');
    expect(behind('203.0.113.7', ['10.0.0.0/8'], '::ffff:10.1.2.3')).toBe('203.0.113.7');
    expect(behind('203.0.113.7', ['::ffff:10.0.0.0/104'], '10.1.2.3')).toBe('203.0.113.7');
  });

  it('does not let all of IPv6 stand for IPv4, nor the reverse', () => {
    expect(behind('203.0.113.7', ['::/0'])).toBe('10.0.0.1');
    expect(behind('203.0.113.7', ['0.0.0.0/0'], 'fd00::1')).toBe('fd00::1');
  });

  it('drops the interface from a link-local socket', () => {
    expect(direct('fe80::1%eth0')).toBe('fe80::1');
  });

  it('says that an address is not known', () => {
    expect(direct('')).toBe(UNKNOWN_ADDRESS);
    expect(limitKey(UNKNOWN_ADDRESS)).toBe(UNKNOWN_ADDRESS);
  });

  it('trusts single addresses and prefixes that end inside a group', () => {
    const read = clientAddressReader(['10.0.0.1', '172.16.0.0/12', '2001:db8:8000::/33']);
    const via = (socketAddress: string) => read({ socketAddress, forwardedFor: ['203.0.113.7'] }) === '203.0.113.7';
    expect(['10.0.0.1', '172.16.0.0', '172.31.255.255', '2001:db8:8000::', '2001:db8:ffff::1'].map(via)).not.toContain(false);
    expect(['10.0.0.2', '172.32.0.0', '172.15.255.255', '2001:db8:7fff::1', '2001:db9:8000::'].map(via)).not.toContain(true);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0/8',
    'fd00::/129',
    'fd00::/x',
    'localhost',
    '10.0.0.1/8',
    '::1::/8',
    '1:2:3:4:5:6:7::8/128',
  ])('refuses %j as a network', (network) => {
    expect(() => clientAddressReader([network])).toThrow(RangeError);
  });

  it.each([
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1::2::3',
    '::1.2.3',
    'g::',
    '[::1]',
    ':1:2:3:4:5:6:7',
  ])('knows that %j is not an address', (text) => {
    expect(direct(text)).toBe(UNKNOWN_ADDRESS);
  });

  const toUrl = (address: string) => new URL(`http://[${address}]/`).hostname.slice(1, -1);

  it('writes IPv6 as the URL standard does, and reads back what it wrote', () => {
    const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((g) => g.toString(16).padStart(4, '0')).join(':');
        const address = direct(text);
        expect(direct(address)).toBe(address);
        if (address.includes(':')) expect(address).toBe(toUrl(text));
        else expect(text.startsWith('0000:0000:0000:0000:0000:ffff:')).toBe(true);
      }),
    );
  });

  it('accepts the IPv6 addresses that the URL standard accepts', () => {
    const bits = fc.constantFrom(':', '::', '0', '1', 'ffff', '12345', '.', '1.2.3.4', 'g');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV6(),
          fc.array(bits, { maxLength: 9 }).map((parts) => parts.join('')),
        ),
        (text) => {
          if (!text.includes(':')) return;
          expect(direct(text) !== UNKNOWN_ADDRESS).toBe(URL.canParse(`http://[${text}]/`));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('finds an address in a network exactly when their first bits agree', () => {
    const bitsOf = (address: string) =>
      address
        .split('.')
        .map((part) => Number(part).toString(2).padStart(8, '0'))
        .join('');
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), fc.nat(32), (base, other, length, shared) => {
        const network = bitsOf(base).slice(0, length).padEnd(32, '0');
        const address = network.slice(0, shared) + bitsOf(other).slice(shared);
        const write = (bits: string) => [0, 8, 16, 24].map((at) => Number.parseInt(bits.slice(at, at + 8), 2)).join('.');
        const client = behind('203.0.113.7', [`${write(network)}/${length}`], write(address));
        expect(client === '203.0.113.7').toBe(address.slice(0, length) === network.slice(0, length));
      }),
    );
  });
});

describe('limitKey', () => {
  it('counts a /64 of IPv6 as one client, and IPv4 by address', () => {
    expect(limitKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(limitKey('2001:db8:1:2:ffff::')).toBe(limitKey('2001:db8:1:2::1'));
    expect(limitKey('2001:db8:1:3::1')).not.toBe(limitKey('2001:db8:1:2::1'));
    expect(limitKey('::1')).toBe('::/64');
    expect(limitKey('192.0.2.1')).toBe('192.0.2.1');
  });

  it('treats mapped IPv4 as IPv4', () => {
    expect(limitKey('::ffff:192.0.2.1')).toBe('192.0.2.1');
  });
});
