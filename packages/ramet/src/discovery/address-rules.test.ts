import { BlockList, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AddressRange, addressRules } from './address-rules.ts';

const everywhere = addressRules(['0.0.0.0/0', '::/0']);

describe('addresses from a registry', () => {
  test('are called within the allowed ranges only', () => {
    const refused = addressRules(['private', '203.0.113.0/24', '2001:db8::/32']);
    for (const host of ['10.1.2.3', '172.31.0.1', '192.168.7.7', '100.64.0.1', 'fd12::1', '203.0.113.9', '2001:db8::5']) {
      expect(refused(host), host).toBeUndefined();
    }
    for (const host of ['8.8.8.8', '172.32.0.1', '203.0.114.1', '2001:db9::5', '127.0.0.1', '::1'])
      expect(refused(host), host).toBeDefined();
  });

  test('that are loopback are refused with what to do about it', () => {
    expect(addressRules(['private'])('127.0.0.1')).toBe("127.0.0.1 is loopback: allow it for development by allow: ['loopback']");
    expect(addressRules(['loopback'])('127.0.0.1')).toBeUndefined();
    expect(addressRules(['loopback'])('::1')).toBeUndefined();
  });

  test.each([
    '169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '0:0:0:0:0:FFFF:7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
  ])('never lead to %s, whatever is allowed', (host) => {
    expect(everywhere(host)).toContain(host);
  });

  test.each([
    '',
    'orders.internal',
    '10.1',
    '010.0.0.1',
    '0x7f.1',
    '2130706433',
    '10.0.0.256',
    'fe80::1%eth0',
    '1::2::3',
    ':::',
    '[::1]',
    '12345::',
    '1:2:3:4:5:6:7',
  ])("are IP addresses in their usual spelling, and '%s' is none", (host) => {
    expect(everywhere(host)).toBe(`'${host}' is not an IP address`);
  });

  test('are judged as the system judges them', () => {
    const prefix = fc.oneof(fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })), fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })));
    fc.assert(
      fc.property(prefix, fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 40 }), ([network, length], any, near) => {
        // Addresses that differ from the range's in few bits, else hardly any would be within one.
        const host = near < 20 && isIPv4(network) ? network.replace(/\d+$/, String(near)) : any;
        fc.pre(everywhere(host) === undefined);
        const list = new BlockList();
        list.addSubnet(network, length, isIPv4(network) ? 'ipv4' : 'ipv6');
        const inside = isIPv4(host) === isIPv4(network) && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
        expect(addressRules([`${network}/${length}`])(host) === undefined).toBe(inside);
      }),
      { numRuns: 2_000 },
    );
  });

  test('are read as the system reads them', () => {
    const mangled = fc
      .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(40), fc.constantFrom('', ':', '0', '.', 'f', '::'))
      .map(([address, at, piece]) => address.slice(0, at) + piece + address.slice(at + 1));
    fc.assert(
      fc.property(mangled, (host) => {
        expect(everywhere(host)?.endsWith('is not an IP address') !== true).toBe(isIPv4(host) || isIPv6(host));
      }),
      { numRuns: 5_000 },
    );
  });

  test('need ranges that are ranges, and every wrong one is named', () => {
    const allow: AddressRange[] = ['private', '10.0.0.0/33', 'intranet/8'];
    expect(() => addressRules(allow)).toThrow(
      "not a range of addresses: '10.0.0.0/33', 'intranet/8'; write 10.0.0.0/8, 'private' or 'loopback'",
    );
  });
});
