import { money } from '../../model/money.ts';
import { productPath } from '../../model/routes.ts';
import { Link } from './link.tsx';
import { Picture } from './picture.tsx';

export interface SoldLine {
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly quantity: number;
}

/** What was ordered, at the prices of then. */
export function OrderLines({ lines, total }: { lines: readonly SoldLine[]; total: number }) {
  return (
    <>
      <ul className="lines">
        {lines.map(({ sku, name, price, quantity }) => (
          <li key={sku} className="line">
            <Picture sku={sku} />
            <div className="line-words">
              <Link href={productPath(sku)}>{name}</Link>
              <span className="small muted">
                {quantity} × {money(price)}
              </span>
            </div>
            <span className="amount">{money(price * quantity)}</span>
          </li>
        ))}
      </ul>
      <p className="total">
        <span>Total</span>
        <span className="amount">{money(total)}</span>
      </p>
    </>
  );
}
