import type { Entry } from '../../model/journey.ts';

const time = new Intl.DateTimeFormat('en-IE', { dateStyle: 'medium', timeStyle: 'medium' });

/** Every entry as the shop recorded it, for curious customers. */
export function History({ history, id }: { history: readonly Entry[]; id: string }) {
  return (
    <details className="history">
      <summary>All that was recorded</summary>
      <ol>
        {history.map(({ what, at }) => (
          <li key={`${at} ${what}`}>
            <span>{what}</span>
            <time className="small muted" dateTime={at}>
              {time.format(new Date(at))}
            </time>
          </li>
        ))}
      </ol>
      <p className="small muted">{id}</p>
    </details>
  );
}
