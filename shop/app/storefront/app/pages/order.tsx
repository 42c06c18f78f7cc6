import { useEffect, useRef, useState } from 'react';
import { withOrder } from '../../model/cart.ts';
import { isCancelling, isDeclined, isOwnWish, type OrderStatus, reasonOf, stagesOf, summaryOf, withNames } from '../../model/journey.ts';
import type { Trouble } from '../../model/problems.ts';
import { type KnownReturn, leftToReturn } from '../../model/returnable.ts';
import { returnPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { basket, keep } from '../basket.ts';
import { type Journey, useFollowed } from '../followed.ts';
import { fulfilled, keyOf } from '../intent.ts';
import { navigate } from '../navigation.ts';
import { Dialog } from '../parts/dialog.tsx';
import { History } from '../parts/history.tsx';
import { Link } from '../parts/link.tsx';
import { OrderLines, type SoldLine } from '../parts/order-lines.tsx';
import { Status } from '../parts/status.tsx';
import { Stepper } from '../parts/stepper.tsx';
import { NotCancelled, TroubleNote } from '../parts/trouble.tsx';
import { useResource } from '../resource.ts';
import { useTitle } from '../title.ts';

export interface Order extends Journey {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly reason?: string;
  readonly total: number;
  readonly lines: readonly SoldLine[];
}

export function OrderPage({ orderId }: { orderId: string }) {
  useTitle('Your order');
  const {
    data: order,
    trouble,
    isBehind,
    reload,
  } = useFollowed<Order>(`/api/orders/${encodeURIComponent(orderId)}`, (status) => status !== 'pending');
  const why = order && reasonOf(order.status, order.history, order.reason);
  const reason = why && withNames(why, order.lines);
  const stages = order && stagesOf(order.status, order.history, reason);
  const summary = order && stages && summaryOf(order.status, stages, reason);
  useEffect(() => {
    if (summary) announce(summary);
  }, [summary]);
  if (trouble && !order) return <TroubleNote trouble={trouble} again={reload} />;
  if (!order || !stages) return <OrderToCome />;
  return (
    <div className="narrow">
      <div className="section-head">
        <h1>Your order</h1>
        <Status status={order.status} isWanted={isOwnWish(reason)} />
      </div>
      <p className="lead">{summary}</p>
      <Stepper stages={stages} label="What happens to your order" />
      {isBehind && (
        <p className="note" role="status">
          The connection broke off. What you see may be behind; we try again by ourselves.
        </p>
      )}
      {order.status !== 'cancelled' && (
        <Cancel orderId={orderId} isOpen={order.status === 'pending'} isAsked={isCancelling(order.history)} />
      )}
      {order.status === 'confirmed' && <Returns orderId={orderId} lines={order.lines} />}
      {order.status === 'cancelled' && <OnceMore lines={order.lines} isDeclined={isDeclined(reason)} />}
      <section aria-labelledby="what">
        <h2 id="what">What you ordered</h2>
        <OrderLines lines={order.lines} total={order.total} />
      </section>
      <History history={order.history} id={orderId} />
    </div>
  );
}

/** What is left to do with an order that came to nothing. */
function OnceMore({ lines, isDeclined }: { lines: readonly SoldLine[]; isDeclined: boolean }) {
  const putBack = () => {
    keep(withOrder(basket.get(), lines));
    announce('What you had ordered is in your cart again.');
    navigate(isDeclined ? '/checkout' : '/cart');
  };
  return (
    <p className="actions">
      <Link className="button button-quiet" href="/">
        Back to the shop
      </Link>
      <button type="button" className="button" onClick={putBack}>
        {isDeclined ? 'Try another card' : 'Put these back in the cart'}
      </button>
    </p>
  );
}

/** The way to cancel an order while it is open. A failed attempt is shown until it is repeated or known to have succeeded. */
function Cancel({ orderId, isOpen: isPossible, isAsked }: { orderId: string; isOpen: boolean; isAsked: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const opener = useRef<HTMLButtonElement>(null);
  const cancel = () => {
    setOpen(false);
    setTrouble(undefined);
    const intent = `cancel ${orderId}`;
    api('POST', `/api/orders/${encodeURIComponent(orderId)}/cancel`, { key: keyOf(intent, orderId) }).then(
      () => {
        fulfilled(intent);
        announce('You have asked to cancel the order.');
      },
      (error: unknown) => setTrouble(troubleIn(error)),
    );
  };
  return (
    <>
      {trouble && !isAsked && <NotCancelled what="order" trouble={trouble} again={cancel} />}
      {isPossible && (
        <p className="actions">
          <button type="button" ref={opener} className="button button-quiet" disabled={isAsked} onClick={() => setOpen(true)}>
            {isAsked ? 'Cancelling…' : 'Cancel order'}
          </button>
        </p>
      )}
      {isPossible && isOpen && (
        <Dialog title="Cancel this order?" onClose={() => setOpen(false)}>
          <p>What has been done so far is undone: your things go back on the shelf, and a charge is refunded.</p>
          <p className="actions">
            <button type="button" className="button button-quiet" onClick={() => setOpen(false)}>
              Keep it
            </button>
            <button type="button" className="button button-danger" onClick={cancel}>
              Cancel order
            </button>
          </p>
        </Dialog>
      )}
    </>
  );
}

interface ListedReturn extends KnownReturn {
  readonly returnId: string;
  readonly because: string;
}

/** The returns of an order, and the way to another one while something is left to return. */
function Returns({ orderId, lines }: { orderId: string; lines: readonly SoldLine[] }) {
  const path = `/api/orders/${encodeURIComponent(orderId)}/returns`;
  const { data, trouble } = useResource(path, (signal) => api<{ items: readonly ListedReturn[] }>('GET', path, { signal }));
  return (
    <>
      {(trouble || (data && leftToReturn(lines, data.items).length > 0)) && (
        <p className="actions">
          <Link className="button button-quiet" href={`/orders/${encodeURIComponent(orderId)}/return`}>
            Return something
          </Link>
        </p>
      )}
      {data && data.items.length > 0 && (
        <section aria-labelledby="returns">
          <h2 id="returns">Returns</h2>
          <ul className="rows">
            {data.items.map(({ returnId, status, because }) => (
              <li key={returnId}>
                <Link className="row" href={returnPath(returnId)}>
                  <span className="row-words">{because}</span>
                  <Status status={status} />
                </Link>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function OrderToCome() {
  return (
    <div className="narrow" aria-busy="true">
      <h1>Your order</h1>
      <span className="ghost ghost-line" />
      <span className="ghost ghost-row" />
      <span className="ghost ghost-row" />
    </div>
  );
}
