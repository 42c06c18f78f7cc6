import { Link } from '../parts/link.tsx';
import { useTitle } from '../title.ts';

export function NowherePage() {
  useTitle('Not found');
  return (
    <div className="empty">
      <h1>There is no such page</h1>
      <p className="muted">The address may be misspelt, or the page has moved.</p>
      <Link className="button button-quiet" href="/">
        Go to the shop
      </Link>
    </div>
  );
}
