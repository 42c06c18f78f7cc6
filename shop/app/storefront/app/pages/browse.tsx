import { useEffect, useState } from 'react';
import { CATEGORIES, categoryName } from '../../model/categories.ts';
import { money } from '../../model/money.ts';
import { type Listing, listingPath, productPath, type Sort } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { type Product, useListing } from '../catalog.ts';
import { navigate } from '../navigation.ts';
import { Link } from '../parts/link.tsx';
import { Picture } from '../parts/picture.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { SHOP, useTitle } from '../title.ts';

const STEP = 24;
/** How much of a listing was shown when it was left, so that the way back leads to the same place. */
const shownBefore = new Map<string, number>();

export function BrowsePage({ listing }: { listing: Listing }) {
  const key = listingPath(listing);
  const [shown, setShown] = useState({ key, count: shownBefore.get(key) ?? STEP });
  const count = shown.key === key ? shown.count : STEP;
  const { items, hasMore, total, trouble, reload } = useListing(listing, count);
  const { query, category } = listing;
  const title = query ? `“${query}”` : category ? categoryName(category) : SHOP;
  useTitle(title);
  const told =
    items && (items.length === 0 ? 'Nothing found' : `${total ?? `The first ${items.length}`} ${total === 1 ? 'product' : 'products'}`);
  useEffect(() => {
    if (told) announce(told);
  }, [told]);
  const showMore = () => {
    const next = { key, count: count + STEP };
    shownBefore.set(key, next.count);
    setShown(next);
    announce('More products are shown below.');
  };
  return (
    <>
      <div className="opening">
        <h1>{query ? `Results for “${query}”` : category ? categoryName(category) : 'Things that are made to last'}</h1>
        {!query && !category && (
          <p className="muted">Useful, repairable and good to look at: for the house, the garden and the way there.</p>
        )}
      </div>
      <nav aria-label="Departments" className="chips">
        <Chip listing={listing} category="" name="Everything" />
        {CATEGORIES.map(({ id, name }) => (
          <Chip key={id} listing={listing} category={id} name={name} />
        ))}
      </nav>
      <div className="bar">
        <p className="muted small">{told ?? (trouble ? '' : 'Looking…')}</p>
        <label className="sort">
          <span>Sort by</span>
          <select value={listing.sort} onChange={(event) => navigate(listingPath({ ...listing, sort: event.currentTarget.value as Sort }))}>
            <option value="name">Name</option>
            <option value="price">Price, lowest first</option>
            <option value="price-desc">Price, highest first</option>
          </select>
        </label>
      </div>
      {trouble && !items ? (
        <TroubleNote trouble={trouble} again={reload} />
      ) : items?.length === 0 ? (
        <NothingFound listing={listing} />
      ) : (
        <ul className="grid" aria-busy={items === undefined}>
          {items?.map((product) => <Card key={product.sku} product={product} />) ??
            Array.from({ length: 12 }, (_, index) => <CardToCome key={index} />)}
        </ul>
      )}
      {trouble && items && <TroubleNote trouble={trouble} again={reload} />}
      {hasMore && items && (
        <p className="more">
          <button type="button" className="button button-quiet" onClick={showMore}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}

function Chip({ listing, category, name }: { listing: Listing; category: string; name: string }) {
  return (
    <Link className="chip" href={listingPath({ ...listing, category })} aria-current={listing.category === category ? 'page' : undefined}>
      {name}
    </Link>
  );
}

function Card({ product: { sku, name, price, category, available } }: { product: Product }) {
  return (
    <li className="card">
      <Link href={productPath(sku)}>
        <Picture sku={sku} />
        <span className="card-name">{name}</span>
      </Link>
      <span className="card-foot">
        <span className="amount">{money(price)}</span>
        <span className="small muted">{available > 0 ? categoryName(category) : 'Out of stock'}</span>
      </span>
    </li>
  );
}

function CardToCome() {
  return (
    <li className="card" aria-hidden="true">
      <span className="picture ghost" />
      <span className="ghost ghost-line" />
      <span className="ghost ghost-line ghost-short" />
    </li>
  );
}

function NothingFound({ listing }: { listing: Listing }) {
  const { query, category } = listing;
  return (
    <div className="empty">
      <h2>Nothing found</h2>
      <p className="muted">
        {query
          ? `No product has words that begin with “${query}”${category ? ` in ${categoryName(category)}` : ''}.`
          : 'There is no such department.'}
      </p>
      {query && category ? (
        <Link className="button button-quiet" href={listingPath({ ...listing, category: '' })}>
          Search in all departments
        </Link>
      ) : (
        <Link className="button button-quiet" href="/">
          See everything
        </Link>
      )}
    </div>
  );
}
