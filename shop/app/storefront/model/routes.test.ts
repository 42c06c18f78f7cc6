import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listingPath, orderPath, ownPath, pageOf, productPath, registerPath, returnPath, SORTS, signInPath } from './routes.ts';

describe('an address', () => {
  test.each([
    ['/', { name: 'browse', query: '', category: '', sort: 'name' }],
    ['/?q=desk%20lamp&category=lighting&sort=price-desc', { name: 'browse', query: 'desk lamp', category: 'lighting', sort: 'price-desc' }],
    ['/?sort=nonsense', { name: 'browse', query: '', category: '', sort: 'name' }],
    ['/p/BOK-0001', { name: 'product', sku: 'BOK-0001' }],
    ['/orders', { name: 'orders' }],
    ['/orders/ord_1', { name: 'order', orderId: 'ord_1' }],
    ['/orders/ord_1/return', { name: 'return-order', orderId: 'ord_1' }],
    ['/returns/ret_1', { name: 'return', returnId: 'ret_1' }],
    ['/preorder/BOK-0001', { name: 'preorder', sku: 'BOK-0001' }],
    ['/preorders/pre_1', { name: 'preorder-status', preorderId: 'pre_1' }],
    ['/sign-in?next=%2Fcheckout', { name: 'sign-in', next: '/checkout' }],
  ])('%s names its page', (href, page) => {
    expect(pageOf(href)).toEqual(page);
  });

  test.each(['/p', '/p/', '/p/a/b', '/orders/a/b', '/orders/a/return/b', '/nonsense', '/cart/x', '/toString'])('%s names none', (href) => {
    expect(pageOf(href)).toEqual({ name: 'nowhere' });
  });

  test('that was made for a page leads to it, whatever stands in it', () => {
    const id = fc.string({ minLength: 1 }).filter((text) => text !== '.' && text !== '..' && text.isWellFormed());
    fc.assert(
      fc.property(id, (text) => {
        expect(pageOf(productPath(text))).toEqual({ name: 'product', sku: text });
        expect(pageOf(orderPath(text))).toEqual({ name: 'order', orderId: text });
        expect(pageOf(returnPath(text))).toEqual({ name: 'return', returnId: text });
      }),
    );
    fc.assert(
      fc.property(id, id, fc.constantFrom(...SORTS), (query, category, sort) => {
        const listing = { query: query.trim(), category, sort };
        const path = listingPath(listing);
        expect(pageOf(path)).toEqual({ name: 'browse', ...listing });
        expect(pageOf(signInPath(path))).toEqual({ name: 'sign-in', next: path });
        expect(pageOf(registerPath(path))).toEqual({ name: 'register', next: path });
      }),
    );
  });

  test('to come back to never leaves the shop', () => {
    for (const next of ['//evil.example', 'https://evil.example/', '/\\evil.example', '/\t/evil.example', 'javascript:alert(1)', '', null])
      expect(ownPath(next)).toMatch(/^\/(?![/\\])/);
    fc.assert(fc.property(fc.string(), (next) => new URL(ownPath(next), 'http://shop.example').host === 'shop.example'));
    expect(ownPath('/orders/ord_1?x=1')).toBe('/orders/ord_1?x=1');
  });
});
