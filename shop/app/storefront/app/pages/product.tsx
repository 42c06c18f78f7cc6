import { useState } from 'react';
import { withMore } from '../../model/cart.ts';
import { categoryName } from '../../model/categories.ts';
import { money } from '../../model/money.ts';
import { listingPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { basket, keep } from '../basket.ts';
import { loadProduct, type ProductDetails } from '../catalog.ts';
import { Link } from '../parts/link.tsx';
import { Picture } from '../parts/picture.tsx';
import { Quantity } from '../parts/quantity.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { useResource } from '../resource.ts';
import { useTitle } from '../title.ts';

export function ProductPage({ sku }: { sku: string }) {
  const { data: product, trouble, reload } = useResource(`product ${sku}`, (signal) => loadProduct(sku, signal), { keep: true });
  useTitle(product?.name ?? 'Product');
  if (trouble?.status === 404) return <NoSuchProduct />;
  if (trouble) return <TroubleNote trouble={trouble} again={reload} />;
  return product ? <Details product={product} /> : <DetailsToCome />;
}

function Details({ product }: { product: ProductDetails }) {
  const { sku, name, price, category, description, available } = product;
  const [quantity, setQuantity] = useState(1);
  const [added, setAdded] = useState(0);
  const add = () => {
    const before = basket.get();
    const after = withMore(before, product, quantity);
    if (after === before) return announce('The cart holds as many different products as one order can have.');
    keep(after);
    setAdded(added + quantity);
    announce(`${quantity} × ${name} is in your cart.`);
  };
  return (
    <article className="product">
      <Picture sku={sku} isLarge />
      <div className="product-words">
        <nav aria-label="Breadcrumb" className="small crumbs">
          <Link href="/">All products</Link>
          <span aria-hidden="true">/</span>
          <Link href={listingPath({ query: '', category, sort: 'name' })}>{categoryName(category)}</Link>
        </nav>
        <h1>{name}</h1>
        <p className="price">{money(price)}</p>
        <p className="lead">{description}</p>
        <p className={available > 0 ? 'stock' : 'stock stock-none'}>{stockInWords(available)}</p>
        {available > 0 ? (
          <div className="buy">
            <Quantity value={quantity} what={name} onChange={setQuantity} />
            <button type="button" className="button" onClick={add}>
              Add to cart
            </button>
          </div>
        ) : (
          <Link className="button" href={`/preorder/${encodeURIComponent(sku)}`}>
            Pre-order
          </Link>
        )}
        {available > 0 && quantity > available && <p className="small field-problem">Only {available} are left at the moment.</p>}
        {added > 0 && (
          <p className="note note-good">
            In your cart now. <Link href="/cart">Go to the cart</Link>
          </p>
        )}
        <dl className="attributes small">
          <div>
            <dt>Article number</dt>
            <dd>{sku}</dd>
          </div>
          <div>
            <dt>Department</dt>
            <dd>{categoryName(category)}</dd>
          </div>
          <div>
            <dt>Delivery</dt>
            <dd>Included, to anywhere a carrier goes</dd>
          </div>
          <div>
            <dt>Returns</dt>
            <dd>Any confirmed order, or a part of it</dd>
          </div>
        </dl>
      </div>
    </article>
  );
}

const FEW = 20;

function stockInWords(available: number): string {
  if (available <= 0) return 'Out of stock';
  return available <= FEW ? `Only ${available} left` : 'In stock';
}

function DetailsToCome() {
  return (
    <div className="product" aria-busy="true">
      <span className="picture ghost" />
      <div className="product-words" aria-hidden="true">
        <span className="ghost ghost-line ghost-short" />
        <span className="ghost ghost-title" />
        <span className="ghost ghost-line" />
        <span className="ghost ghost-line" />
      </div>
    </div>
  );
}

function NoSuchProduct() {
  return (
    <div className="empty">
      <h1>This product is not here</h1>
      <p className="muted">It may no longer be sold, or the address is not quite right.</p>
      <Link className="button button-quiet" href="/">
        See everything
      </Link>
    </div>
  );
}
