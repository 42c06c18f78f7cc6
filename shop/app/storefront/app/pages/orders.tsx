import { useState } from 'react';
import { isOwnWish, type OrderStatus, sentence, withNames } from '../../model/journey.ts';
import { money } from '../../model/money.ts';
import type { Trouble } from '../../model/problems.ts';
import { orderPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { Link } from '../parts/link.tsx';
import type { SoldLine } from '../parts/order-lines.tsx';
import { Status } from '../parts/status.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { useResource } from '../resource.ts';
import { useTitle } from '../title.ts';

interface ListedOrder {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly placedAt: string;
  readonly reason?: string;
  readonly first: SoldLine;
  /** How many other products it has. */
  readonly further: number;
}

interface OrderList {
  readonly items: readonly ListedOrder[];
  readonly next?: string;
}

const day = new Intl.DateTimeFormat('en-IE', { dateStyle: 'medium', timeStyle: 'short' });

export function OrdersPage() {
  useTitle('Your orders');
  const first = useResource('orders', (signal) => api<OrderList>('GET', '/api/orders', { signal }));
  const [more, setMore] = useState<OrderList>({ items: [] });
  const [moreTrouble, setMoreTrouble] = useState<Trouble>();
  const next = more.items.length > 0 ? more.next : first.data?.next;
  const items = [...(first.data?.items ?? []), ...more.items];
  const showMore = () => {
    setMoreTrouble(undefined);
    api<OrderList>('GET', `/api/orders?cursor=${encodeURIComponent(next ?? '')}`).then(
      (page) => {
        setMore({ ...page, items: [...more.items, ...page.items] });
        announce('More orders are shown below.');
      },
      (error: unknown) => setMoreTrouble(troubleIn(error)),
    );
  };
  if (first.data && items.length === 0)
    return (
      <div className="empty">
        <h1>No orders yet</h1>
        <p className="muted">What you order is shown here, with all that happens to it.</p>
        <Link className="button" href="/">
          Look around
        </Link>
      </div>
    );
  return (
    <div className="narrow">
      <h1>Your orders</h1>
      {first.trouble && <TroubleNote trouble={first.trouble} again={first.reload} />}
      <ul className="rows" aria-busy={!first.data && !first.trouble}>
        {!first.data && !first.trouble && [1, 2, 3].map((index) => <li key={index} className="ghost ghost-row" aria-hidden="true" />)}
        {items.map(({ orderId, status, total, placedAt, reason, first: line, further }) => (
          <li key={orderId}>
            <Link className="row" href={orderPath(orderId)}>
              <span className="row-words">
                <span>
                  {line.name}
                  {further > 0 && ` and ${further} more`}
                </span>
                <span className="small muted">
                  {day.format(new Date(placedAt))} · Order {orderId.slice(-8)}
                </span>
                {reason && <span className="small muted">{sentence(withNames(reason, [line]))}</span>}
              </span>
              <Status status={status} isWanted={isOwnWish(reason)} />
              <span className="amount">{money(total)}</span>
            </Link>
          </li>
        ))}
      </ul>
      {moreTrouble && <TroubleNote trouble={moreTrouble} again={showMore} />}
      {next && !moreTrouble && (
        <p className="more">
          <button type="button" className="button button-quiet" onClick={showMore}>
            Show earlier orders
          </button>
        </p>
      )}
    </div>
  );
}
