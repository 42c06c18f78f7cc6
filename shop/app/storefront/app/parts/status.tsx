const TONES: Readonly<Record<string, string>> = {
  confirmed: 'good',
  completed: 'good',
  refunded: 'good',
  cancelled: 'bad',
  refused: 'bad',
};

/** A status in one word. @param isWanted it is what the customer wanted, so it is not bad news */
export function Status({ status, isWanted = false }: { status: string; isWanted?: boolean }) {
  return (
    <span className={`status status-${isWanted ? 'open' : (TONES[status] ?? 'open')}`}>
      {status.charAt(0).toUpperCase() + status.slice(1)}
    </span>
  );
}
