import { useEffect, useRef } from 'react';
import { type Cart, totalOf, withQuantity } from '../../model/cart.ts';
import { money } from '../../model/money.ts';
import { productPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { basket, keep } from '../basket.ts';
import { loadProduct, type ProductDetails } from '../catalog.ts';
import { Link } from '../parts/link.tsx';
import { Picture } from '../parts/picture.tsx';
import { Quantity } from '../parts/quantity.tsx';
import { useResource } from '../resource.ts';
import { useStore } from '../store.ts';
import { useTitle } from '../title.ts';

export function CartPage() {
  const cart = useStore(basket);
  useTitle('Cart');
  const heading = useRef<HTMLHeadingElement>(null);
  const current = useCurrent(cart);
  if (cart.length === 0)
    return (
      <div className="empty">
        <h1 ref={heading} tabIndex={-1}>
          Your cart is empty
        </h1>
        <p className="muted">What you put into it stays here, in this browser.</p>
        <Link className="button" href="/">
          Look around
        </Link>
      </div>
    );
  const remove = (sku: string, name: string) => {
    keep(withQuantity(cart, sku, 0));
    announce(`${name} is out of the cart.`);
    // The button that had the focus is gone.
    requestAnimationFrame(() => heading.current?.focus());
  };
  return (
    <div className="narrow">
      <h1 ref={heading} tabIndex={-1}>
        Your cart
      </h1>
      <ul className="lines">
        {cart.map(({ sku, name, price, quantity }) => {
          const product = current.get(sku);
          return (
            <li key={sku} className="line line-cart">
              <Picture sku={sku} />
              <div className="line-words">
                <Link href={productPath(sku)}>{name}</Link>
                <span className="small muted">{money(price)} each</span>
                {product === null && <span className="small field-problem">No longer sold: please remove it.</span>}
                {product && product.available < quantity && (
                  <span className="small field-problem">
                    {product.available > 0 ? `Only ${product.available} left at the moment.` : 'Out of stock at the moment.'}
                  </span>
                )}
                <button type="button" className="link-button small" aria-label={`Remove ${name}`} onClick={() => remove(sku, name)}>
                  Remove
                </button>
              </div>
              <Quantity value={quantity} what={name} onChange={(next) => keep(withQuantity(cart, sku, next))} />
              <span className="amount">{money(price * quantity)}</span>
            </li>
          );
        })}
      </ul>
      <p className="total">
        <span>Total, with delivery</span>
        <span className="amount">{money(totalOf(cart))}</span>
      </p>
      <p className="actions">
        <Link className="button button-quiet" href="/">
          Keep looking
        </Link>
        <Link className="button" href="/checkout">
          Check out
        </Link>
      </p>
    </div>
  );
}

/**
 * What the lines of a cart are now; null for what is no longer sold. New names and prices go into the cart, because those
 * will be charged. A line that cannot be looked at stays as it was: checking out shows the rest.
 */
export function useCurrent(cart: Cart): ReadonlyMap<string, ProductDetails | null> {
  const skus = cart.map(({ sku }) => sku).toSorted();
  const { data } = useResource(
    `cart ${skus.join(' ')}`,
    async (signal) => {
      const looked = await Promise.all(
        skus.map(async (sku) => {
          const product = await loadProduct(sku, signal).catch((error) =>
            (error as { trouble?: { status: number } }).trouble?.status === 404 ? null : undefined,
          );
          return [sku, product] as const;
        }),
      );
      return new Map(looked.flatMap(([sku, product]) => (product === undefined ? [] : [[sku, product] as const])));
    },
    { keep: true },
  );
  useEffect(() => {
    if (!data) return;
    const now = basket.get().map((line) => {
      const product = data.get(line.sku);
      return product ? { ...line, name: product.name, price: product.price } : line;
    });
    if (JSON.stringify(now) === JSON.stringify(basket.get())) return;
    keep(now);
    announce('Prices in your cart have changed.');
  }, [data]);
  return data ?? new Map();
}
